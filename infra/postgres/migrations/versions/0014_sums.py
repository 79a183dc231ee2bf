"""What is stored is not missing: storing may be done before the poller has noted what it handed on."""

from alembic import op

revision = "0014_sums"
down_revision = "0013_erasures"
branch_labels = None
depends_on = None

BEFORE = "((listed - published) - barred) - vanished"
COMPLETENESS = """
CREATE OR REPLACE VIEW completeness AS
WITH sets AS (
    SELECT f.account, f.id AS folder_id, f.name AS folder, f.wire, f.state, l.uidvalidity, l.epoch,
           l.epoch = f.epoch AS present, f.server_count, f.pass_at AS last_pass, f.last_error,
           l.listed, l.published, l.vanished,
           coalesce(h.stored, '{{}}') - l.vanished AS stored, coalesce(b.quarantined, '{{}}') - l.vanished AS barred
    FROM folders f
    JOIN folder_ledger l ON l.folder_id = f.id
    LEFT JOIN held_places h ON h.folder_id = f.id AND h.uidvalidity = l.uidvalidity
    LEFT JOIN barred_places b ON b.folder_id = f.id AND b.epoch = l.epoch
), parts AS (
    SELECT *, barred - stored AS quarantined_set,
           ((published - stored) - barred) - vanished AS pending_set,
           {missing} AS missing_set
    FROM sets
)
SELECT account, folder_id, folder, wire, state, uidvalidity, epoch, present, server_count, last_pass, last_error,
       multirange_count(listed) AS listed, multirange_count(published) AS published, multirange_count(stored) AS stored,
       multirange_count(pending_set) AS pending, multirange_count(quarantined_set) AS quarantined,
       multirange_count(vanished) AS vanished, multirange_count(missing_set) AS missing,
       listed AS listed_set, published AS published_set, stored AS stored_set, pending_set, quarantined_set,
       vanished AS vanished_set, missing_set
FROM parts;
"""


def upgrade() -> None:
    """Each listed message is counted once, in every moment."""
    op.execute(COMPLETENESS.format(missing=f"({BEFORE}) - stored"))


def downgrade() -> None:
    """Back to what was not noted as handed on."""
    op.execute(COMPLETENESS.format(missing=BEFORE))
