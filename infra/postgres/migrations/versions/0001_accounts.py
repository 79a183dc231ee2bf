"""Accounts, their keys, secrets and grants."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001_accounts"
down_revision = None
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables of ``services.common.accounts.tables``."""
    op.create_table(
        "accounts",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, sa.CheckConstraint("port BETWEEN 1 AND 65535"), nullable=False),
        sa.Column("tls", sa.Text, sa.CheckConstraint("tls IN ('implicit', 'starttls')"), nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("auth", sa.Text, nullable=False),
        sa.Column("ca_file", sa.Text),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False, server_default=sa.func.now()),
        sa.Column("changed_at", _WHEN, nullable=False, server_default=sa.func.now()),
    )
    op.create_index("accounts_slug_any_case", "accounts", [sa.text("lower(slug)")], unique=True)
    _create_secrets()
    changes = op.create_table(
        "account_changes",
        sa.Column("id", sa.SmallInteger, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("marker", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(changes, [{"id": 1, "marker": 0}])


def _create_secrets() -> None:
    op.create_table(
        "account_keys",
        _account(),
        sa.Column("data_key_id", sa.Text, primary_key=True),
        sa.Column("master_key_id", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "account_secrets",
        _account(),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("data_key_id", sa.Text, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("format", sa.SmallInteger, nullable=False),
        sa.Column("changed_at", _WHEN, nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", _WHEN),
    )
    op.create_table(
        "account_grants",
        _account(),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_try", _WHEN),
        sa.Column("renewed_at", _WHEN),
        sa.Column("dies_at", _WHEN),
        sa.Column("clock_skew", sa.Integer, nullable=False, server_default="0"),
    )


def _account() -> sa.Column[str]:
    return sa.Column("account", sa.Text, sa.ForeignKey("accounts.slug", ondelete="CASCADE"), primary_key=True)


def downgrade() -> None:
    """Remove them."""
    for table in ("account_changes", "account_grants", "account_secrets", "account_keys", "accounts"):
        op.drop_table(table)
