"""What is stored against what should be: objects without rows, rows without objects.

What is found stands in temporary tables of one connection, so the memory does not grow with the account.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec import json
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, text

from services.cli.mending import (
    came_back,
    listing,
    looking,
    lost_claims,
    lost_rows,
    outdated,
    strays,
    taken_over,
    undescribed,
    untold,
)
from services.cli.mending.damage import Damage
from services.cli.mending.owners import of_account
from services.cli.progress import bar
from services.common.database import fault_named, transaction, unbounded_for_good
from services.common.events import MailEvent
from services.common.objects import ObjectStore
from services.storer.tables import objects

Key = tuple[str, str, str]

_TABLES = """
CREATE TEMP TABLE gone (account_id text, kind text, sha256 text, key text, size bigint, damaged boolean NOT NULL,
    read boolean NOT NULL DEFAULT false);
CREATE INDEX ON gone (account_id, kind, sha256);
CREATE INDEX ON gone (key);
CREATE TEMP TABLE wanted (account_id text, sha256 text, copies text[], unstored boolean);
CREATE TEMP TABLE sent (folder_id text, uidvalidity bigint, uid bigint, account_id text, sha256 text);
CREATE TEMP TABLE published_before (folder_id text, epoch bigint, uids int8multirange);
CREATE TEMP TABLE lacking (email_id bigint);
CREATE TEMP TABLE unmade (account_id text, sha256 text, why text);
CREATE TEMP TABLE outdated (folder_id text, uidvalidity bigint, uid bigint);
CREATE TEMP TABLE undescribed (account_id text, sha256 text, key text, size bigint);
CREATE TEMP TABLE claims (id bigint, folder_id text, uidvalidity bigint, uid bigint);
"""
_OF = "(CAST(:account AS text) IS NULL OR {}.account_id = :account)"
# A file has a row for its bytes, with one of its keys, and an object for each name that messages give it.
_FILED = f"""SELECT o.account_id, o.kind, o.sha256, o.key, o.size FROM objects o WHERE {_OF.format("o")}
UNION SELECT o.account_id, o.kind, o.sha256, concat_ws('/', a.account_id, 'attachments', a.sha256, a.safe_name), o.size
FROM attachments a JOIN objects o ON (o.account_id, o.kind, o.sha256) = (a.account_id, 'attachment', a.sha256)
WHERE {_OF.format("a")}"""  # noqa: S608 (constants of ours)
_GONE = f"""INSERT INTO gone
SELECT o.account_id, o.kind, o.sha256, o.key, o.size, l.key IS NOT NULL
FROM ({_FILED}) AS o LEFT JOIN listed l ON l.key = o.key WHERE l.size IS DISTINCT FROM o.size"""  # noqa: S608 (as above)
_UNREAD = f"""SELECT * FROM ({_FILED}) AS o
WHERE NOT EXISTS (SELECT FROM gone g WHERE g.key = o.key)"""  # noqa: S608 (constants of ours)
_NEVER_FILED = f"""INSERT INTO gone SELECT e.account_id, 'message', e.content_sha256, NULL, NULL, false FROM emails e
WHERE {_OF.format("e")}
AND NOT EXISTS (SELECT FROM objects o
WHERE (o.account_id, o.kind, o.sha256) = (e.account_id, 'message', e.content_sha256))
AND NOT EXISTS (SELECT FROM listed l WHERE (l.account_id, l.sha256) = (e.account_id, e.content_sha256))"""  # noqa: S608 (constants of ours)
_RAW_GONE = "EXISTS (SELECT FROM gone g WHERE (g.account_id, g.kind, g.sha256) = ({0}.account_id, 'message', {0}.{1}))"
_WANTED = f"""WITH whole AS MATERIALIZED (
    SELECT e.account_id, e.content_sha256 AS sha256 FROM emails e
    JOIN objects o ON (o.account_id, o.kind, o.sha256) = (e.account_id, 'message', e.content_sha256)
    WHERE {_OF.format("e")} AND EXISTS (SELECT FROM email_places p WHERE p.email_id = e.id)
    AND NOT EXISTS (SELECT FROM incomplete_emails i WHERE i.email_id = e.id)
    AND NOT EXISTS (SELECT FROM lacking l WHERE l.email_id = e.id)
    AND NOT {_RAW_GONE.format("e", "content_sha256")}
), each AS (
    SELECT l.account_id, l.sha256, l.key, true AS unstored FROM listed l
    WHERE l.sha256 IS NOT NULL
    AND NOT EXISTS (SELECT FROM whole w WHERE (w.account_id, w.sha256) = (l.account_id, l.sha256))
    AND NOT EXISTS (SELECT FROM gone g
    WHERE (g.account_id, g.kind, g.sha256, g.key) = (l.account_id, 'message', l.sha256, l.key))
    UNION ALL
    SELECT o.account_id, o.sha256, o.key, false FROM gone f
    JOIN attachments a ON (a.account_id, a.sha256) = (f.account_id, f.sha256)
    JOIN emails e ON e.id = a.email_id
    JOIN objects o ON (o.account_id, o.kind, o.sha256) = (e.account_id, 'message', e.content_sha256)
    WHERE f.kind = 'attachment' AND NOT {_RAW_GONE.format("o", "sha256")}
)
INSERT INTO wanted SELECT account_id, sha256, array_agg(DISTINCT key), bool_or(unstored) FROM each
GROUP BY account_id, sha256"""  # noqa: S608 (constants of ours)
_COUNTS = text(
    """SELECT (SELECT count(*) FROM wanted WHERE unstored) AS unstored, (SELECT count(*) FROM wanted) AS wanted,
count(*) FILTER (WHERE kind = 'message') AS raw_gone, count(*) FILTER (WHERE kind <> 'message') AS files_gone,
count(*) FILTER (WHERE damaged) AS damaged, count(*) FILTER (WHERE key IS NULL) AS unfiled,
count(*) FILTER (WHERE kind = 'message'
AND NOT EXISTS (SELECT FROM wanted w WHERE (w.account_id, w.sha256) = (g.account_id, g.sha256))
AND (SELECT NOT coalesce(bool_or(p.visible), g.key IS NOT NULL) FROM email_places p
WHERE (p.account_id, p.content_sha256) = (g.account_id, g.sha256))) AS lost FROM gone g"""
)
_PUBLISHED = text("INSERT INTO published_before SELECT folder_id, epoch, published FROM folder_ledger")
_FILED_SINCE = text(
    "DELETE FROM gone g USING objects o "
    "WHERE g.key IS NULL AND (o.account_id, o.kind, o.sha256) = (g.account_id, g.kind, g.sha256)"
)
_FORGET = text(
    "DELETE FROM objects o USING unnest(CAST(:accounts AS text[]), CAST(:kinds AS text[]), CAST(:hashes AS text[])) "
    "AS g (account_id, kind, sha256) WHERE (o.account_id, o.kind, o.sha256) = (g.account_id, g.kind, g.sha256) "
    "RETURNING o.*"
)
_SENT = text(
    "INSERT INTO sent SELECT * FROM json_to_recordset(CAST(:sent AS json)) "
    "AS s (folderid text, uidvalidity bigint, uid bigint, account text, sha256 text)"
)
_UNFETCHED = text(
    "SELECT count(*) FROM gone g WHERE kind = 'message' AND account_id <> ALL(:fetched) "
    "AND NOT EXISTS (SELECT FROM sent s WHERE (s.account_id, s.sha256) = (g.account_id, g.sha256))"
)
# Not by the view completeness: it knows no folder whose row is lost.
_UNPUBLISH = text(
    f"""WITH places AS (
    SELECT folder_id, uidvalidity, uid FROM sent UNION SELECT p.folder_id, p.uidvalidity, p.uid FROM sent s
    JOIN email_places p ON (p.account_id, p.content_sha256) = (s.account_id, s.sha256)
), spared AS (
    SELECT folder_id, uidvalidity, range_agg(int8range(uid, uid, '[]')) AS uids FROM places WHERE :on_the_way
    GROUP BY folder_id, uidvalidity
), pending AS (
    SELECT l.folder_id, l.epoch, l.uidvalidity,
    l.published - coalesce(h.stored, '{{}}') - coalesce(q.quarantined, '{{}}') - l.vanished AS uids FROM folder_ledger l
    LEFT JOIN held_places h USING (folder_id, uidvalidity) LEFT JOIN barred_places q USING (folder_id, epoch)
    WHERE {of_account("l.folder_id")}
)
UPDATE folder_ledger l SET published = l.published - (p.uids * b.uids - coalesce(s.uids, '{{}}'))
FROM pending p JOIN published_before b USING (folder_id, epoch) LEFT JOIN spared s USING (folder_id, uidvalidity)
WHERE (l.folder_id, l.epoch) = (p.folder_id, p.epoch) AND NOT isempty(p.uids)"""  # noqa: S608 (a condition of ours)
)


@contextmanager
def bench(engine: Engine) -> Iterator[Connection]:
    """A connection of its own with the tables of a repair, which go away with it.

    Raises ``Unavailable`` when the database does not answer, now or while the block runs.
    """
    with fault_named(), engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        try:
            unbounded_for_good(connection)
            connection.execute(text(_TABLES))
            yield connection
        finally:
            connection.invalidate()


def _count(bench: Connection, account: str | None) -> int:
    """How many objects rows name."""
    counted = text(f"SELECT count(*) FROM ({_FILED}) AS o")  # noqa: S608 (a constant of ours)
    return int(bench.execute(counted, {"account": account}).scalar_one())


def compare(bench: Connection, store: ObjectStore, account: str | None, *, verify: bool = False) -> Damage:
    """Compare the store with the rows of an account, or of all; what is found stays in the tables of the bench.

    Sizes tell. With ``verify`` every object is read, too, and its bytes are compared with its hash.
    """
    values = {"account": account}
    bench.execute(_PUBLISHED)
    with bar("listing", None) as advance:
        listing.load(bench, store, account, advance)
    bench.execute(text(_GONE), values)
    looking.look_again(bench, store)
    if verify:
        with bar("reading", _count(bench, account)) as advance:
            looking.read(bench, store, looking.pages(bench, _UNREAD, account=account), advance)
    bench.execute(text(_NEVER_FILED), values)
    bench.execute(text("ANALYZE gone"))
    lost_rows.find(bench, account)
    _want(bench, store, account)
    return Damage(
        erased=came_back.erased(bench, account),
        refused=lost_claims.find(bench, account),
        unthreaded=lost_rows.unthreaded(bench, account),
        outdated=outdated.find(bench, account),
        strays=len(strays.find(bench, account)),
        undescribed=undescribed.count(bench),
        **untold.counted(bench, account),
        **bench.execute(_COUNTS).one()._mapping,
    )


def look_again(bench: Connection, store: ObjectStore, account: str | None, damage: Damage) -> Damage:
    """What is left of the damage: without what was only on its way, or has been made again."""
    looking.look_again(bench, store)
    bench.execute(_FILED_SINCE)
    bench.execute(text("TRUNCATE wanted"))
    _want(bench, store, account)
    told = {**untold.counted(bench, account), **bench.execute(_COUNTS).one()._mapping}
    return replace(damage, **told, outdated=outdated.still(bench, account), strays=len(strays.find(bench, account)))


def _want(bench: Connection, store: ObjectStore, account: str | None) -> None:
    bench.execute(text(_WANTED), {"account": account})
    with ThreadPoolExecutor(looking.LOOKS_AT_ONCE) as threads:
        for page in looking.pages(bench, taken_over.PLACELESS):
            taken_over.leave(bench, zip(page, threads.map(partial(taken_over.said, store), page), strict=True))


def wanted(bench: Connection) -> Iterator[list[str]]:
    """Of each message to be sent again the keys of its raw objects: one, or more where somebody made copies."""
    for page in looking.pages(bench, 'SELECT copies FROM wanted ORDER BY copies[1] COLLATE "C"'):
        yield from (row.copies for row in page)


def forget(bench: Connection, engine: Engine, store: ObjectStore) -> None:
    """Take objects that are gone out of the rows: what they belong to is not stored any more, and status says so.

    Each is looked for once more while nobody else can write its row: what was filed again keeps it. Bytes that were
    read are not read again.
    """
    with ThreadPoolExecutor(looking.LOOKS_AT_ONCE) as threads:
        for page in looking.pages(bench, "SELECT * FROM gone WHERE key IS NOT NULL ORDER BY account_id, kind, sha256"):
            read = {_identity(row) for row in page if row.read}
            accounts, kinds, hashes = map(list, zip(*map(_identity, page), strict=True))
            with transaction(engine) as connection:
                rows = connection.execute(_FORGET, {"accounts": accounts, "kinds": kinds, "hashes": hashes}).all()
                back = looking.there(threads, store, [row for row in rows if _identity(row) not in read])
                if back:
                    connection.execute(objects.insert(), [dict(row._mapping) for row in back])
            looking.fit(bench, back)


def _identity(row: Any) -> Key:
    return row.account_id, row.kind, row.sha256


def note(bench: Connection, events: Sequence[MailEvent]) -> None:
    """Remember what was sent."""
    names = ("folderid", "uidvalidity", "uid", "account")
    sent = [{name: getattr(event.place, name) for name in names} | {"sha256": event.contentsha256} for event in events]
    bench.execute(_SENT, {"sent": json.encode(sent).decode()})


def unfetched(bench: Connection, fetched: Sequence[str]) -> int:
    """How many raw messages are gone and were not sent from a copy, of other accounts than those ``fetched`` from."""
    return int(bench.execute(_UNFETCHED, {"fetched": list(fetched)}).scalar_one())


def unpublish_pending(bench: Connection, account: str | None, *, on_the_way: bool) -> None:
    """Let the poller fetch again what was published before ``compare`` and never stored.

    ``on_the_way``: but not, at any of its places, what was sent just now. What the services had to read then and have
    not read yet is fetched in vain: wait for them before.
    """
    lost_claims.settle(bench, fetched=True)
    bench.execute(_UNPUBLISH, {"account": account, "on_the_way": on_the_way})
