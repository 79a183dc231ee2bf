"""Flags, labels and visibility of messages whose rows are lost, as the poller's ledger knows them.

Objects do not tell them, and the poller tells only what changes. They wait in ``place_states``, as those of every
message that is not stored yet, with a sequence below that of any event: of what an event told since they stay as told.
"""

from sqlalchemy import Connection, text

from services.cli.mending.owners import of_account
from services.poller.domain.flags import LABEL
from services.storer.merging import followed

_KEEP = text(
    f"""WITH lost AS (
    SELECT l.folder_id, l.epoch, l.uidvalidity, each.uid, NOT (l.vanished + l.invisible) @> each.uid AS visible
    FROM folder_ledger l, unnest(l.published) AS spans,
    generate_series(lower(spans), upper(spans) - 1) AS each (uid)
    WHERE {of_account("l.folder_id")} AND NOT EXISTS (
        SELECT FROM email_places p WHERE (p.folder_id, p.uidvalidity, p.uid) = (l.folder_id, l.uidvalidity, each.uid))
), flagged AS (
    SELECT l.folder_id, l.epoch, uid, array_agg(name) AS names FROM folder_ledger l,
    jsonb_each_text(l.flags) AS sets (name, uids), regexp_split_to_table(uids, ',') AS span,
    generate_series(split_part(span, ':', 1)::bigint, split_part(span, ':', -1)::bigint) AS uid
    WHERE EXISTS (SELECT FROM lost WHERE (lost.folder_id, lost.epoch) = (l.folder_id, l.epoch)) AND uids <> ''
    GROUP BY l.folder_id, l.epoch, uid
)
INSERT INTO place_states (folder_id, uidvalidity, uid, flags, labels, visible, sequence, visible_sequence)
SELECT l.folder_id, l.uidvalidity, l.uid,
    ARRAY(SELECT name FROM unnest(f.names) AS name WHERE NOT starts_with(name, :label) ORDER BY name),
    (SELECT array_agg(substr(name, length(:label) + 1) ORDER BY name) FROM unnest(f.names) AS name
     WHERE starts_with(name, :label)),
    l.visible, 1, 1
FROM lost l LEFT JOIN flagged f USING (folder_id, epoch, uid) ON CONFLICT (folder_id, uidvalidity, uid)
DO UPDATE SET {followed("place_states", "excluded")}"""  # noqa: S608 (a condition of ours)
)


def keep(bench: Connection, account: str | None) -> None:
    """Note them for every message of an account, or of all, that was published and has no place."""
    bench.execute(_KEEP, {"account": account, "label": LABEL})
