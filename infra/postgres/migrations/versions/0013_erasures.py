"""Accounts whose mail is being erased: the page that asked for it does not wait, and a restart goes on with it."""

from alembic import op

revision = "0013_erasures"
down_revision = "0012_facts"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE console_erasures (
    account TEXT NOT NULL REFERENCES accounts (slug) ON DELETE CASCADE,
    asked_by TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    tried_at TIMESTAMP WITH TIME ZONE,
    problem TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY (account)
);
"""


def upgrade() -> None:
    """Nothing is being erased at first."""
    op.execute(TABLE)


def downgrade() -> None:
    """What was asked for and is not done yet is forgotten; the accounts stay paused, with what is left of it."""
    op.execute("DROP TABLE console_erasures")
