"""How the storer reaches Postgres: one transaction per batch, at most two writer threads."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Engine

from services.common.database import Conflicted, transaction
from services.common.events import AccessAudited, DeadLetter, EmailParsed, ObjectFiled, PlaceRelinked
from services.storer import merging, rows, thread_rows
from services.storer.copying import Row, octets_of

WRITER_THREADS = 2  # measured: 10,200 rows/s with one, 13,600 with two, 14,600 with four at three times the loop lag

_CONFLICTS = 3
_FORGET_FILES = "DELETE FROM attachments WHERE email_id = ANY(%s)"
_PREPARING = Lock()  # one thread makes rows while the other waits for the database; two would only share the GIL


class PostgresWriter:
    """Writes batches; every method is idempotent by the identities that docs/database.md names.

    Raises ``Unavailable`` when Postgres does not answer and ``Refused`` when it refuses the data.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(WRITER_THREADS, thread_name_prefix="storer")

    async def write(self, write: Callable[[Any], None]) -> None:
        """Run one write function on a cursor, in a thread, in one transaction."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._written, write)

    def _written(self, write: Callable[[Any], None]) -> None:
        for _ in range(_CONFLICTS):
            try:
                return self._transact(write)
            except Conflicted:
                continue
        return self._transact(write)

    def _transact(self, write: Callable[[Any], None]) -> None:
        with transaction(self._engine) as connection:
            cursor = connection.connection.cursor()
            try:
                write(cursor)
            finally:
                cursor.close()


def write_parsed(cursor: Any, events: Sequence[EmailParsed]) -> None:
    """Mail, its attachments and its places; mail first, so that places find it."""
    contents = _newest(events)
    news = [contents[identity] for identity in sorted(contents)]  # one order for all writers, so none waits in a ring
    with _PREPARING:
        mails = octets_of([rows.email_row(event) for event in news])
        files = octets_of([row for event in news for row in rows.attachment_rows(event)])
        places = octets_of(_place_rows(events))
    threads = thread_rows.assign(cursor, news)
    merging.load(cursor, (merging.EMAILS, mails), (merging.ATTACHMENTS, files), (merging.PLACES, places))
    cursor.execute(merging.EMAILS.merge, (*merging.columns(sorted(contents)), threads))
    written = [row[0] for row in cursor.fetchall()]
    if written:
        cursor.execute(f"{_FORGET_FILES}; {merging.ATTACHMENTS.merge}", (written, written))
    cursor.execute(merging.PLACES.merge)


def _newest(events: Sequence[EmailParsed]) -> dict[tuple[str, str], EmailParsed]:
    """By content, what the newest parser said of it, in whatever order it comes. Raises ``ValueError``."""
    contents: dict[tuple[str, str], EmailParsed] = {}
    for event in events:
        identity = (event.place.account, event.contentsha256)
        known = contents.setdefault(identity, event)
        if known is not event and rows.version(known.email) <= rows.version(event.email):
            contents[identity] = event
    return contents


def write_places(cursor: Any, events: Sequence[PlaceRelinked]) -> None:
    """Places only."""
    merging.merge(cursor, merging.PLACES, _place_rows(events))


def _place_rows(events: Sequence[EmailParsed | PlaceRelinked]) -> list[Row]:
    """One row per place, as the first event has it that tells flags: those of a repeat are older. The last content."""
    places: dict[tuple[str, int, int], EmailParsed | PlaceRelinked] = {}
    for event in events:
        key = (event.place.folderid, event.place.uidvalidity, event.place.uid)
        known = places.get(key)
        same = known and replace(known, contentsha256=event.contentsha256, flags=known.flags or event.flags)
        places[key] = same or event
    return [rows.place_row(event) for event in places.values()]


def write_filed(cursor: Any, events: Sequence[ObjectFiled]) -> None:
    """Objects in the store."""
    merging.merge_listed(cursor, merging.OBJECTS, [rows.object_row(event) for event in events])


def write_audit(cursor: Any, events: Sequence[AccessAudited]) -> None:
    """Audit entries, once per id."""
    audited = {event.id: rows.audit_row(event) for event in events}
    merging.merge_listed(cursor, merging.AUDIT, list(audited.values()))


def write_dead_letters(cursor: Any, events: Sequence[DeadLetter]) -> None:
    """Dead letters, once per coordinates, reader and record: two of one place are of a topic that was made anew."""
    unique = {(each.topic, each.partition, each.offset, each.service, each.key, each.value): each for each in events}
    merging.merge(cursor, merging.DEAD_LETTERS, [rows.dead_letter_row(event) for event in unique.values()])
