"""Indexes for watching: what was stored in the last minute, and the audit log from its end."""

from alembic import op

revision = "0008_watching"
down_revision = "0007_habits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Places are appended in the order of their storing, so a BRIN index of a few pages finds the last minute."""
    op.create_index("email_places_by_storing", "email_places", ["stored_at"], postgresql_using="brin")
    op.create_index("audit_log_by_time", "audit_log", ["at", "id"])


def downgrade() -> None:
    """Without them the pages are slower, not different."""
    op.drop_index("audit_log_by_time", "audit_log")
    op.drop_index("email_places_by_storing", "email_places")
