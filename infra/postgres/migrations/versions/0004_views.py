"""Completeness by set arithmetic: what the server lists against what the sinks hold."""

from alembic import op

revision = "0004_views"
down_revision = "0003_storer"
branch_labels = None
depends_on = None

COMPLETENESS = """
CREATE FUNCTION multirange_count(ranges int8multirange) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS
'SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(ranges) AS r';

CREATE VIEW completeness AS
WITH held AS (
    SELECT folder_id, uidvalidity, range_agg(int8range(uid, uid, '[]')) AS stored
    FROM email_places WHERE email_id IS NOT NULL GROUP BY folder_id, uidvalidity
), barred AS (
    SELECT folder_id, epoch, range_agg(int8range(uid, uid, '[]')) AS quarantined
    FROM quarantine GROUP BY folder_id, epoch
), sets AS (
    SELECT f.account, f.id AS folder_id, f.name AS folder, f.wire, f.state, l.uidvalidity, l.epoch,
           l.epoch = f.epoch AS present, f.server_count, f.pass_at AS last_pass, f.last_error,
           l.listed, l.published, l.vanished,
           coalesce(h.stored, '{}') - l.vanished AS stored, coalesce(b.quarantined, '{}') - l.vanished AS barred
    FROM folders f
    JOIN folder_ledger l ON l.folder_id = f.id
    LEFT JOIN held h ON h.folder_id = f.id AND h.uidvalidity = l.uidvalidity
    LEFT JOIN barred b ON b.folder_id = f.id AND b.epoch = l.epoch
), parts AS (
    SELECT *, barred - stored AS quarantined_set,
           ((published - stored) - barred) - vanished AS pending_set,
           ((listed - published) - barred) - vanished AS missing_set
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
    """Create the view and the function that counts a multirange."""
    op.execute(COMPLETENESS)


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP VIEW completeness; DROP FUNCTION multirange_count(int8multirange)")
