"""UID FETCH, streamed: only PEEK, one command after the other, the reader's pace."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from services.poller.domain.uidset import MAX_UID, UidSet
from services.poller.imap.classify import refusal
from services.poller.imap.encode import atom, header_list, number, sequence_sets, sequence_text
from services.poller.imap.exchange import Line
from services.poller.imap.merging import Found, Merger
from services.poller.imap.model import Fetched, Header, Listing, Spooled
from services.poller.imap.protocol import Connection
from services.poller.imap.spooling import discard, taken

_NEEDS = {
    "MODSEQ": "CONDSTORE",
    "EMAILID": "OBJECTID",
    "X-GM-MSGID": "X-GM-EXT-1",
    "X-GM-LABELS": "X-GM-EXT-1",
}
IDENTITIES = tuple(_NEEDS)
_PLAIN = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
_FETCH = frozenset({b"FETCH"})
NOBODY = UidSet.of(())
EVERYTHING = UidSet.range(1, MAX_UID)


def offered(items: Sequence[str], capabilities: frozenset[str]) -> list[str]:
    """Those listing items which the server advertises. Raises ValueError on an item that is not a listing item."""
    if not set(items) <= {*_NEEDS, *_PLAIN}:
        raise ValueError("not a listing item")
    return [item for item in items if item in _PLAIN or _NEEDS[item] in capabilities]


def listing_line(uids: UidSet, items: Sequence[str], capabilities: frozenset[str]) -> Line:
    """The first command of ``listings``."""
    part = next(part for _, part in sequence_sets(uids))
    return _line(part, ("UID", *offered(items, capabilities)))


def _line(part: UidSet, items: Sequence[str], modifier: bytes = b"") -> Line:
    names = b"(" + b" ".join(item.encode("ascii") if "[" in item else atom(item) for item in items) + b")"
    return Line("UID FETCH", [sequence_text(part), names, *[modifier] * bool(modifier)], _FETCH)


async def listings(connection: Connection, uids: UidSet, items: Sequence[str]) -> AsyncGenerator[Listing, None]:
    """See ``Session.fetch_listing``."""
    wanted = offered(items, frozenset(connection.capabilities))
    async with aclosing(_fetch(connection, uids, ("UID", *wanted))) as stream:
        async for batch in stream:
            for found in batch:
                yield found.listing


async def changed(
    connection: Connection, uids: UidSet, modseq: int, *, vanished: bool
) -> AsyncGenerator[Listing, None]:
    """See ``Session.fetch_changed``."""
    modifier = b"(CHANGEDSINCE " + number(modseq) + (b" VANISHED)" if vanished else b")")
    labels = offered(("X-GM-LABELS",), frozenset(connection.capabilities))
    async with aclosing(_fetch(connection, uids, ("UID", "FLAGS", "MODSEQ", *labels), modifier)) as stream:
        async for batch in stream:
            for found in batch:
                yield found.listing


async def headers(
    connection: Connection, uids: UidSet, fields: Sequence[str], items: Sequence[str]
) -> AsyncGenerator[Header, None]:
    """See ``Session.fetch_headers``."""
    section = "HEADER.FIELDS " + header_list(fields).decode("ascii") if fields else "HEADER"
    wanted = offered(items, frozenset(connection.capabilities))
    async with aclosing(_fetch(connection, uids, ("UID", *wanted, f"BODY.PEEK[{section}]"))) as stream:
        async for batch in stream:
            for found in batch:
                if isinstance(found.body, bytes):
                    yield Header(found.listing, found.body)
                else:  # longer than any that is worth a look
                    discard([found.body])


async def bodies(connection: Connection, uids: UidSet, items: Sequence[str]) -> AsyncGenerator[Fetched, None]:
    """See ``Session.fetch_bodies``."""
    more = offered(items, frozenset(connection.capabilities))
    async with aclosing(_fetch(connection, uids, ("UID", *more, "BODY.PEEK[]"))) as stream:
        async for batch in stream:
            for found in batch:
                fetched = Fetched(found.listing, found.body, found.conflict)
                # what is said to be a piece of the message must be as long as the message is said to be
                if found.has_body and (found.whole or fetched.length == found.listing.size):
                    yield fetched
                else:
                    discard([found.body])
                    connection.events.flagged = True


async def piece(connection: Connection, uid: int, offset: int, length: int) -> bytes | None:
    """See ``Session.fetch_piece``."""
    section = f"BODY.PEEK[]<{number(offset).decode()}.{number(length).decode()}>"
    answer: bytes | None = None
    async with aclosing(_fetch(connection, UidSet.of((uid,)), ("UID", section))) as stream:
        async for batch in stream:
            for found in batch:
                data = _read(found.body)
                start = offset if found.whole else 0
                answer = None if data is None else data[start : start + length]
    return answer


def _read(body: bytes | Spooled | None) -> bytes | None:
    if not isinstance(body, Spooled):
        return body
    with taken(body) as file:
        return file.read()


async def _fetch(
    connection: Connection, uids: UidSet, items: tuple[str, ...], modifier: bytes = b""
) -> AsyncGenerator[Iterator[Found], None]:
    """Batches of merged messages; the connection is dropped when the reader leaves early."""
    for _, part in sequence_sets(uids):
        waiting = part
        while waiting:
            exchange = await connection.begin(*_line(waiting, items, modifier))
            merger = Merger(items, waiting, connection.events)
            try:
                while frames := await connection.frames(exchange):
                    yield merger.take(frames)
            except BaseException:
                merger.drop()
                connection.drop()
                raise
            answer = connection.finish(exchange)
            yield merger.rest()
            if answer.kind != "OK":
                raise refusal(answer, "UID FETCH")
            waiting = merger.outside() if answer.code == "MESSAGELIMIT" else NOBODY  # RFC 9738: one end was done
