"""Threads, places of dead letters, and completeness that asks for the objects too."""

from alembic import op

revision = "0005_threads"
down_revision = "0004_views"
branch_labels = None
depends_on = None

TABLES = """
CREATE SEQUENCE thread_ids;

CREATE TABLE thread_refs (
    account_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    thread_id BIGINT NOT NULL,
    PRIMARY KEY (account_id, message_id)
);

CREATE INDEX thread_refs_by_thread ON thread_refs (thread_id);

CREATE INDEX emails_by_thread ON emails (thread_id);

CREATE INDEX emails_by_received ON emails (received_at DESC NULLS LAST);

ALTER TABLE dead_letters ADD COLUMN account_id TEXT, ADD COLUMN folder_id TEXT,
    ADD COLUMN uidvalidity BIGINT, ADD COLUMN uid BIGINT;

CREATE INDEX dead_letters_by_place ON dead_letters (folder_id, uidvalidity, uid);

ALTER TABLE attachments ADD COLUMN account_id TEXT;

UPDATE attachments a SET account_id = e.account_id FROM emails e WHERE e.id = a.email_id;

ALTER TABLE attachments ALTER COLUMN account_id SET NOT NULL;
"""
# A database that was here before: its threads have numbers, which no new one may get, and are found by the same ids.
KEPT = """
INSERT INTO thread_refs
SELECT e.account_id, named.id, min(e.thread_id) FROM emails e, unnest(ARRAY[
    e.message_id, e.in_reply_to[1], e.reference_ids[1], e.reference_ids[cardinality(e.reference_ids)]
]) AS named (id)
WHERE e.thread_id IS NOT NULL AND named.id <> '' AND octet_length(named.id) <= 1000
GROUP BY e.account_id, named.id;

SELECT setval('thread_ids', max(thread_id)) FROM emails HAVING max(thread_id) IS NOT NULL;
"""
DROP = """
ALTER TABLE attachments DROP COLUMN account_id;
ALTER TABLE dead_letters DROP COLUMN account_id, DROP COLUMN folder_id, DROP COLUMN uidvalidity, DROP COLUMN uid;
DROP INDEX emails_by_thread, emails_by_received;
DROP TABLE thread_refs;
DROP SEQUENCE thread_ids;
"""
HELD = """
CREATE VIEW incomplete_emails AS
SELECT DISTINCT a.email_id FROM attachments a
LEFT JOIN objects o ON (o.account_id, o.kind, o.sha256) = (a.account_id, 'attachment', a.sha256)
WHERE o.sha256 IS NULL;

CREATE VIEW held_places AS
SELECT p.folder_id, p.uidvalidity, range_agg(int8range(p.uid, p.uid, '[]')) AS stored
FROM email_places p
JOIN objects o ON (o.account_id, o.kind, o.sha256) = (p.account_id, 'message', p.content_sha256)
WHERE p.email_id IS NOT NULL AND p.email_id NOT IN (SELECT email_id FROM incomplete_emails)
GROUP BY p.folder_id, p.uidvalidity;

CREATE VIEW barred_places AS
SELECT folder_id, epoch, range_agg(int8range(uid, uid, '[]')) AS quarantined
FROM (
    SELECT folder_id, epoch, uid FROM quarantine
    UNION
    SELECT d.folder_id, l.epoch, d.uid FROM dead_letters d JOIN folder_ledger l USING (folder_id, uidvalidity)
    WHERE d.state = 'open' AND d.uid IS NOT NULL
) AS every GROUP BY folder_id, epoch;
"""
COMPLETENESS = """
CREATE VIEW completeness AS
WITH sets AS (
    SELECT f.account, f.id AS folder_id, f.name AS folder, f.wire, f.state, l.uidvalidity, l.epoch,
           l.epoch = f.epoch AS present, f.server_count, f.pass_at AS last_pass, f.last_error,
           l.listed, l.published, l.vanished,
           coalesce(h.stored, '{}') - l.vanished AS stored, coalesce(b.quarantined, '{}') - l.vanished AS barred
    FROM folders f
    JOIN folder_ledger l ON l.folder_id = f.id
    LEFT JOIN held_places h ON h.folder_id = f.id AND h.uidvalidity = l.uidvalidity
    LEFT JOIN barred_places b ON b.folder_id = f.id AND b.epoch = l.epoch
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
BEFORE = (
    COMPLETENESS.replace(
        "WITH sets AS (",
        """WITH held AS (
    SELECT folder_id, uidvalidity, range_agg(int8range(uid, uid, '[]')) AS stored
    FROM email_places WHERE email_id IS NOT NULL GROUP BY folder_id, uidvalidity
), barred AS (
    SELECT folder_id, epoch, range_agg(int8range(uid, uid, '[]')) AS quarantined
    FROM quarantine GROUP BY folder_id, epoch
), sets AS (""",
    )
    .replace("held_places", "held")
    .replace("barred_places", "barred")
)


def upgrade() -> None:
    """A message counts as stored when its row, its raw object and the objects of its attachments are there."""
    op.execute("DROP VIEW completeness")
    op.execute(TABLES + KEPT)
    op.execute(HELD + COMPLETENESS)


def downgrade() -> None:
    """Back to rows only."""
    op.execute("DROP VIEW completeness, held_places, barred_places, incomplete_emails")
    op.execute(DROP)
    op.execute(BEFORE)
