"""Folders, their ledger, quarantine and leases."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB

revision = "0002_poller"
down_revision = "0001_accounts"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables of ``services.poller.tables``."""
    op.create_table(
        "folders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("wire", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("delimiter", sa.Text),
        sa.Column("special_use", sa.Text),
        sa.Column("mailboxid", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("uidvalidity", sa.BigInteger),
        sa.Column("epoch", sa.Integer, nullable=False, server_default="1"),
        sa.Column("sequence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("uidnext_done", sa.BigInteger),
        sa.Column("modseq_done", sa.BigInteger),
        sa.Column("server_count", sa.BigInteger),
        sa.Column("full_pass_at", _WHEN),
        sa.Column("pass_at", _WHEN),
        sa.Column("absent_since", _WHEN),
        sa.Column("last_error", sa.Text),
        sa.Column("samples", JSONB, nullable=False, server_default="{}"),
        sa.Column("epoch_changes", JSONB, nullable=False, server_default="[]"),
        sa.Column("created_at", _WHEN, nullable=False, server_default=sa.func.now()),
    )
    op.create_index(
        "folders_name_once", "folders", ["account", "wire"], unique=True, postgresql_where=sa.text("state <> 'gone'")
    )
    _create_ledger()
    op.create_table(
        "leases",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("expires_at", _WHEN, nullable=False),
    )
    op.create_table(
        "traffic",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("octets", sa.BigInteger, nullable=False),
    )


def _create_ledger() -> None:
    op.create_table(
        "folder_ledger",
        sa.Column("folder_id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("listed", INT8MULTIRANGE, nullable=False, server_default="{}"),
        sa.Column("published", INT8MULTIRANGE, nullable=False, server_default="{}"),
        sa.Column("vanished", INT8MULTIRANGE, nullable=False, server_default="{}"),
        sa.Column("invisible", INT8MULTIRANGE, nullable=False, server_default="{}"),
        sa.Column("invisible_since", _WHEN),
        sa.Column("flags", JSONB, nullable=False, server_default="{}"),
    )
    op.create_table(
        "quarantine",
        sa.Column("folder_id", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("uid", sa.BigInteger, primary_key=True),
        sa.Column("stage", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("since", _WHEN, nullable=False, server_default=sa.func.now()),
        sa.Column("next_try", _WHEN),
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("traffic", "leases", "quarantine", "folder_ledger", "folders"):
        op.drop_table(table)
