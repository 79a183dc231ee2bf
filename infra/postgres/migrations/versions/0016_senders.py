"""Mail of a sender is found by an index: who judges new mail asks for each how earlier mail of its sender was read."""

from alembic import op

revision = "0016_senders"
down_revision = "0015_orders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index takes 2,704 octets at most: what is longer is cut, as of new mail; ``addresses`` has it whole."""
    op.execute("UPDATE emails SET from_email = left(from_email, 250) WHERE octet_length(from_email) > 1000")
    op.create_index("emails_by_sender", "emails", ["from_email"])


def downgrade() -> None:
    """Without it such questions are slower, not different."""
    op.drop_index("emails_by_sender", "emails")
