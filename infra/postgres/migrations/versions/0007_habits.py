"""What an account's server is known to do, remembered beyond one process."""

from alembic import op

revision = "0007_habits"
down_revision = "0006_console"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE server_habits (
    account TEXT NOT NULL,
    habit TEXT NOT NULL,
    noticed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account, habit)
)
"""


def upgrade() -> None:
    """One row per account and habit."""
    op.execute(TABLE)


def downgrade() -> None:
    """Forget them; they are found out again."""
    op.execute("DROP TABLE server_habits")
