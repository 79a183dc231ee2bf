"""Rows that have not the flags, labels and visibility that the poller told: the events were gone before they were read.

And rows that are visible though the poller never listed them, as its ledger was lost and they came back from objects.
The poller tells only what changes, so the ledger is given what the rows have, and each folder is compared whole again.
``outdated`` is a temporary table of the bench of a repair: the places, by folder, UIDVALIDITY and UID.
"""

from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row, text

from services.front.context import Context
from services.poller import rebuilt
from services.poller.adapters import PostgresLedger
from services.poller.domain.flags import LABEL, merged
from services.poller.domain.state import Ledger
from services.poller.domain.uidset import UidSet

_HIDDEN = " "  # no flag or label is called so
# Somebody who reads a message between its listing and its fetching gives its row a flag that nobody told: places of
# which nothing was told are not compared.
_PLACES = """WITH ledgers AS (
    SELECT l.* FROM folder_ledger l JOIN folders f ON (f.id, f.epoch) = (l.folder_id, l.epoch)
    JOIN accounts a ON a.slug = f.account
    WHERE (f.state, a.state) = ('active', 'active') AND (CAST(:account AS text) IS NULL OR f.account = :account)
), told AS (
    SELECT folder_id, uidvalidity, name, range_agg(
        int8range(split_part(span, ':', 1)::bigint, split_part(span, ':', -1)::bigint, '[]')) AS uids
    FROM ledgers, jsonb_each_text(flags) AS sets (name, members), regexp_split_to_table(members, ',') AS span
    WHERE members <> '' GROUP BY folder_id, uidvalidity, name
    UNION ALL SELECT folder_id, uidvalidity, :hidden, vanished + invisible FROM ledgers
), stored AS (
    SELECT folder_id, uidvalidity, name, range_agg(int8range(uid, uid, '[]')) AS uids
    FROM ledgers JOIN email_places p USING (folder_id, uidvalidity), LATERAL (
        SELECT unnest(p.flags) AS name UNION ALL SELECT :label || unnest(p.labels)
        UNION ALL SELECT :hidden WHERE NOT p.visible) AS named
    GROUP BY folder_id, uidvalidity, name
), differing AS (
    SELECT folder_id, uidvalidity, range_agg(coalesce(t.uids, '{}')) AS known, range_agg(
        (coalesce(t.uids, '{}') - coalesce(s.uids, '{}')) + (coalesce(s.uids, '{}') - coalesce(t.uids, '{}'))
    ) AS uids FROM told t FULL JOIN stored s USING (folder_id, uidvalidity, name) GROUP BY folder_id, uidvalidity
), listed AS MATERIALIZED (
    SELECT folder_id, uidvalidity, d.uids * l.listed AS uids, d.known
    FROM differing d JOIN ledgers l USING (folder_id, uidvalidity)
), shown AS (
    SELECT folder_id, uidvalidity, range_agg(int8range(p.uid, p.uid, '[]')) AS uids
    FROM ledgers JOIN email_places p USING (folder_id, uidvalidity) WHERE p.visible GROUP BY folder_id, uidvalidity
)
SELECT p.folder_id, p.uidvalidity, p.uid FROM listed l JOIN email_places p USING (folder_id, uidvalidity)
WHERE NOT isempty(l.uids) AND p.uid <@ l.uids
AND (p.uid <@ l.known OR NOT p.visible OR greatest(p.sequence, p.visible_sequence) > 0)
UNION SELECT folder_id, uidvalidity, uid FROM shown s JOIN ledgers l USING (folder_id, uidvalidity),
unnest(s.uids - l.listed) AS span, generate_series(lower(span), upper(span) - 1) AS uid"""
_FIND = text(f"INSERT INTO outdated {_PLACES}")
_STILL = text(f"DELETE FROM outdated WHERE (folder_id, uidvalidity, uid) NOT IN ({_PLACES})")  # noqa: S608 (a constant of ours)
_COUNT = text("SELECT count(*) FROM outdated")
_FOLDERS = text(
    "SELECT f.id, f.account, f.epoch, o.uidvalidity, range_agg(int8range(o.uid, o.uid, '[]'))::text AS uids "
    "FROM outdated o JOIN folders f ON f.id = o.folder_id GROUP BY f.id, f.account, f.epoch, o.uidvalidity"
)
_LOOK = text("UPDATE folders SET full_pass_at = NULL WHERE id = :id")


def find(bench: Connection, account: str | None) -> int:
    """Note the places of an account, or of all; how many there are."""
    bench.execute(_FIND, {"account": account, "label": LABEL, "hidden": _HIDDEN})
    return _count(bench)


def still(bench: Connection, account: str | None) -> int:
    """How many of those noted are so still: what was only on its way has arrived."""
    bench.execute(_STILL, {"account": account, "label": LABEL, "hidden": _HIDDEN})
    return _count(bench)


def tell_again(context: Context, bench: Connection, account: str | None) -> None:
    """Let the next pass compare these with the server, and tell what differs; on the stack it begins in two seconds."""
    if context.embedded:
        find(bench, account)  # what was sent just now is stored
    ledgers = PostgresLedger(context.engine)
    folders = bench.execute(_FOLDERS).all()
    for folder in folders:
        told = ledgers.ledger(folder.id, folder.epoch, folder.uidvalidity)
        ledgers.save_ledger(folder.id, folder.epoch, _as_stored(bench, folder, told))
        bench.execute(_LOOK, {"id": folder.id})
    for slug in () if context.embedded else sorted({folder.account for folder in folders}):
        context.accounts.look_now(slug)


def _as_stored(bench: Connection, folder: Row[Any], told: Ledger) -> Ledger:
    """The ledger with what the rows have of the places that are noted."""
    uids = UidSet.from_multirange(folder.uids)
    rows = rebuilt.ledger(bench, folder.id, folder.uidvalidity)
    invisible = told.invisible - uids
    return replace(
        told,
        listed=told.listed | uids,
        vanished=(told.vanished - uids) | (rows.vanished & uids),
        invisible=invisible,
        invisible_since=told.invisible_since if invisible else None,
        flags=merged(told.flags, {name: members & uids for name, members in rows.flags.items()}, uids),
    )


def _count(bench: Connection) -> int:
    return int(bench.execute(_COUNT).scalar_one())
