"""``emails.stored_at`` tells when the row was written: its transaction may have begun minutes before it took its id."""

from alembic import op

revision = "0017_stored"
down_revision = "0016_senders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A program that polls takes a row for settled by this; rows that are there are old enough."""
    op.execute("ALTER TABLE emails ALTER COLUMN stored_at SET DEFAULT clock_timestamp()")


def downgrade() -> None:
    """The beginning of the transaction again."""
    op.execute("ALTER TABLE emails ALTER COLUMN stored_at SET DEFAULT now()")
