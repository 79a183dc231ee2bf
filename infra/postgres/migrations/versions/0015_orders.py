"""Flags and visibility are ordered each by itself, and only what was listed is in a figure of completeness."""

from alembic import op

revision = "0015_orders"
down_revision = "0014_sums"
branch_labels = None
depends_on = None

# What changed a row before is not known, so no older event about either may change it. A state that waits has only
# what was told of it.
APART = """
ALTER TABLE email_places ADD COLUMN visible_sequence BIGINT NOT NULL DEFAULT 0;
UPDATE email_places SET visible_sequence = sequence WHERE sequence > 0;
ALTER TABLE place_states ADD COLUMN visible_sequence BIGINT NOT NULL DEFAULT 0;
UPDATE place_states SET visible_sequence = CASE WHEN visible IS NULL THEN 0 ELSE sequence END,
sequence = CASE WHEN flags IS NULL THEN 0 ELSE sequence END;
"""
TOGETHER = """
UPDATE {table} SET sequence = visible_sequence WHERE visible_sequence > sequence;
ALTER TABLE {table} DROP COLUMN visible_sequence;
"""
COMPLETENESS = """
CREATE OR REPLACE VIEW completeness AS
WITH sets AS (
    SELECT f.account, f.id AS folder_id, f.name AS folder, f.wire, f.state, l.uidvalidity, l.epoch,
           l.epoch = f.epoch AS present, f.server_count, f.pass_at AS last_pass, f.last_error,
           l.listed, l.published, l.vanished,
           {stored} - l.vanished AS stored, {barred} - l.vanished AS barred
    FROM folders f
    JOIN folder_ledger l ON l.folder_id = f.id
    LEFT JOIN held_places h ON h.folder_id = f.id AND h.uidvalidity = l.uidvalidity
    LEFT JOIN barred_places b ON b.folder_id = f.id AND b.epoch = l.epoch
), parts AS (
    SELECT *, barred - stored AS quarantined_set,
           ((published - stored) - barred) - vanished AS pending_set,
           (((listed - published) - barred) - vanished) - stored AS missing_set
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
BEFORE = {"stored": "coalesce(h.stored, '{}')", "barred": "coalesce(b.quarantined, '{}')"}
OF_LISTED = {name: f"l.listed * {held}" for name, held in BEFORE.items()}


def upgrade() -> None:
    """The next event about a row's flags, and the next about its visibility, count as before."""
    op.execute(APART)
    op.execute(COMPLETENESS.format(**OF_LISTED))


def downgrade() -> None:
    """One order for both again: that of the last event."""
    op.execute(COMPLETENESS.format(**BEFORE))
    for table in ("email_places", "place_states"):
        op.execute(TOGETHER.format(table=table))
