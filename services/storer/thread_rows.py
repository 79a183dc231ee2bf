"""Threads in Postgres. Known ids are locked, so that nobody merges a thread that another writer is adding to."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.common.events import EmailParsed
from services.storer.merging import columns
from services.storer.threads import Ref, Threads, join, refs

KNOWN = """SELECT named.account_id, named.message_id, known.thread_id,
CASE WHEN known.thread_id IS NULL THEN nextval('thread_ids') END
FROM unnest(%s::text[], %s::text[]) AS named (account_id, message_id) LEFT JOIN LATERAL (
    SELECT r.thread_id FROM thread_refs r WHERE r.account_id = named.account_id AND r.message_id = named.message_id
    FOR NO KEY UPDATE
) AS known ON true"""
_ADD = """INSERT INTO thread_refs SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])
ON CONFLICT (account_id, message_id) DO NOTHING"""
_SIZES = "SELECT thread_id, count(*) FROM thread_refs WHERE thread_id = ANY(%s::bigint[]) GROUP BY thread_id"
_MERGE_REFS = """UPDATE thread_refs SET thread_id = kept FROM unnest(%s::bigint[], %s::bigint[]) AS merged (lost, kept)
WHERE thread_id = lost"""
# A row of emails that moves is written anew in every index, its words, too: some at a time, as a statement may take a
# minute.
_MERGE_MAILS = """WITH moved AS MATERIALIZED (
    SELECT e.id, kept FROM unnest(%s::bigint[], %s::bigint[]) AS merged (lost, kept)
    JOIN emails e ON e.thread_id = lost LIMIT %s
) UPDATE emails e SET thread_id = kept FROM moved WHERE e.id = moved.id"""
_AT_ONCE = 200


def assign(cursor: Any, events: Sequence[EmailParsed]) -> list[int | None]:
    """The thread of each event, None for mail that names no id; threads that the events connect are merged."""
    mails = [refs(event) for event in events]
    named = sorted({ref for mail in mails for ref in mail})
    if not named:
        return [None] * len(events)
    threads = _joined(cursor, mails, named)
    return [threads.of[mail[0]] if mail else None for mail in mails]


def _joined(cursor: Any, mails: Sequence[list[Ref]], named: Sequence[Ref]) -> Threads:
    """Another writer may add the same ids meanwhile; then theirs are known at the next look."""
    while True:
        cursor.execute(KNOWN, columns(named))
        found = cursor.fetchall()
        known = {(account, message_id): thread for account, message_id, thread, _ in found if thread is not None}
        new_ids = [new for *_, new in found if new is not None]
        threads = join(mails, known, new_ids)
        if threads.merged:
            threads = join(mails, known, new_ids, _sizes(cursor, threads.merged))
        fresh = sorted(threads.fresh)
        cursor.execute(_ADD, (*columns(fresh), [threads.of[ref] for ref in fresh]))
        if cursor.rowcount == len(fresh):
            break
    if threads.merged:
        _merge(cursor, threads.merged)
    return threads


def _sizes(cursor: Any, merged: Mapping[int, int]) -> dict[int, int]:
    """How many ids each thread has that is to become one with another."""
    cursor.execute(_SIZES, (list({*merged, *merged.values()}),))
    return dict(cursor.fetchall())


def _merge(cursor: Any, merged: Mapping[int, int]) -> None:
    """Give all that a ceased thread has to its successor.

    An update does not see what was added to the thread by a writer for whose lock it waited, so it is done until it
    finds nothing. Then nobody is adding any more: whoever does has locked an id of that thread.
    """
    lost, kept = list(merged), list(merged.values())
    cursor.execute(_MERGE_REFS, (lost, kept))
    while cursor.rowcount:
        cursor.execute(_MERGE_REFS, (lost, kept))
    cursor.execute(_MERGE_MAILS, (lost, kept, _AT_ONCE))
    while cursor.rowcount:
        cursor.execute(_MERGE_MAILS, (lost, kept, _AT_ONCE))
