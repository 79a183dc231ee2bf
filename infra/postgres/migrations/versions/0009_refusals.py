"""What kind of refusal keeps a grant waiting, beside its text."""

import sqlalchemy as sa
from alembic import op

revision = "0009_refusals"
down_revision = "0008_watching"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A grant that waits when this comes is told as a delay of no special kind, until its next try."""
    op.add_column("account_grants", sa.Column("kind", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Without it the kind is told by the next refusal."""
    op.drop_column("account_grants", "kind")
