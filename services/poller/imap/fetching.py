"""UID FETCH, streamed: only PEEK, only asked UIDs, items of one message merged within a command (imap.md 2.8)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from services.poller.domain.uidset import UidSet
from services.poller.imap.classify import refusal
from services.poller.imap.encode import Argument, atom, header_list, number, sequence_sets
from services.poller.imap.framing import discard
from services.poller.imap.model import Fetched, Header, Listing, Spooled
from services.poller.imap.protocol import Connection
from services.poller.imap.responses import label, natural, nz_number, pairs, text_of
from services.poller.imap.tokens import Part, Unparsable, Value, parse

Items = dict[str, Value]

_NEEDS = {"MODSEQ": "CONDSTORE", "EMAILID": "OBJECTID", "X-GM-MSGID": "X-GM-EXT-1", "X-GM-THRID": "X-GM-EXT-1"}
_NEEDS["X-GM-LABELS"] = "X-GM-EXT-1"
_PLAIN = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
_FETCH = frozenset({b"FETCH"})
_MODSEQ = (1 << 63) - 1
_HELD = 10_000
BODY = "BODY[]"


def offered(items: Sequence[str], capabilities: frozenset[str]) -> list[str]:
    """Those listing items which the server advertises. Raises ValueError on an item that is not a listing item."""
    if not set(items) <= {*_NEEDS, *_PLAIN}:
        raise ValueError("not a listing item")
    return [item for item in items if item in _PLAIN or _NEEDS[item] in capabilities]


async def listings(connection: Connection, uids: UidSet, items: Sequence[str]) -> AsyncGenerator[Listing, None]:
    """See ``Session.fetch_listing``."""
    wanted = offered(items, frozenset(connection.capabilities))
    async with aclosing(_fetch(connection, uids, ["UID", *wanted], b"")) as stream:
        async for uid, found in stream:
            yield _listing(uid, found)


async def changed(
    connection: Connection, uids: UidSet, modseq: int, *, vanished: bool
) -> AsyncGenerator[Listing, None]:
    """See ``Session.fetch_changed``."""
    modifier = b" VANISHED" if vanished else b""
    modifier = b"(CHANGEDSINCE " + number(modseq) + modifier + b")"
    async with aclosing(_fetch(connection, uids, ["UID", "FLAGS", "MODSEQ"], modifier)) as stream:
        async for uid, found in stream:
            yield _listing(uid, found)


async def headers(connection: Connection, uids: UidSet, fields: Sequence[str]) -> AsyncGenerator[Header, None]:
    """See ``Session.fetch_headers``."""
    section = "HEADER.FIELDS " + header_list(fields).decode("ascii") if fields else "HEADER"
    wanted = offered([*_PLAIN, *_NEEDS], frozenset(connection.capabilities))
    async with aclosing(_fetch(connection, uids, ["UID", *wanted, f"BODY.PEEK[{section}]"], b"")) as stream:
        async for uid, found in stream:
            header = _body(found)
            if isinstance(header, bytes):
                yield Header(_listing(uid, found), header)


async def bodies(connection: Connection, uids: UidSet, items: Sequence[str]) -> AsyncGenerator[Fetched, None]:
    """See ``Session.fetch_bodies``."""
    extra = [i for i in offered(items, frozenset(connection.capabilities)) if i not in _PLAIN]
    seen: dict[int, object] = {}
    async with aclosing(_fetch(connection, uids, ["UID", *_PLAIN, *extra, "BODY.PEEK[]"], b"")) as stream:
        async for uid, found in stream:
            if not any(key.startswith(BODY) for key in found):
                connection.events.flagged(_listing(uid, found))
                continue
            body = _body(found)
            print_ = _fingerprint(body)
            if uid in seen and seen[uid] == print_:
                discard([body] if isinstance(body, Spooled) else [])
                continue
            conflict = uid in seen or "CONFLICT" in found
            seen[uid] = print_
            yield Fetched(_listing(uid, found), body, conflict)


async def piece(connection: Connection, uid: int, offset: int, length: int) -> bytes | None:
    """See ``Session.fetch_piece``."""
    section = f"BODY.PEEK[]<{number(offset).decode()}.{number(length).decode()}>"
    answer: bytes | None = None
    async with aclosing(_fetch(connection, UidSet.of((uid,)), ["UID", section], b"")) as stream:
        async for _, found in stream:
            whole = BODY in found
            answer = _cut(_body(found), offset if whole else 0, length)
    return answer


def _cut(body: bytes | Spooled | None, offset: int, length: int) -> bytes | None:
    if not isinstance(body, Spooled):
        return None if body is None else body[offset : offset + length]
    with body.path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    body.path.unlink(missing_ok=True)
    return data


async def _fetch(
    connection: Connection, uids: UidSet, items: Sequence[str], modifier: bytes
) -> AsyncGenerator[tuple[int, Items], None]:
    """Merged items by UID, one command after the other; the connection is dropped when the reader leaves early."""
    names = b"(" + b" ".join(item.encode("ascii") if "[" in item else atom(item) for item in items) + b")"
    required = frozenset(item.split("[")[0].removesuffix(".PEEK") for item in items)
    for text, part in sequence_sets(uids):
        arguments: list[Argument] = [text, names, *[modifier] * bool(modifier)]
        async with aclosing(_command(connection, arguments, part, required)) as stream:
            async for found in stream:
                yield found


async def _command(
    connection: Connection, arguments: list[Argument], part: UidSet, required: frozenset[str]
) -> AsyncGenerator[tuple[int, Items], None]:
    exchange = await connection.begin("UID FETCH", arguments, _FETCH)
    held: dict[int, Items] = {}
    try:
        while (frame := await connection.frame(exchange)) is not None:
            taken = _take(connection, frame, part)
            if taken is None:
                continue
            uid, found = taken
            if uid in held:
                found = _merge(held.pop(uid), found)
            if not required <= {key.split("[")[0] for key in found}:
                held[uid] = found
                uid = next(iter(held)) if len(held) > _HELD else 0
            if uid:
                yield uid, held.pop(uid, found)
    except BaseException:
        connection.drop()
        for found in held.values():
            discard([value for value in found.values() if isinstance(value, Spooled)])
        raise
    answer = connection.finish(exchange)
    for uid, found in held.items():
        yield uid, found
    if answer.kind != "OK":
        raise refusal(answer, "UID FETCH")


def _take(connection: Connection, frame: list[Part], part: UidSet) -> tuple[int, Items] | None:
    """UID and items of a response that was asked for; anything else becomes an event or is counted."""
    found = items_of(frame)
    uid = nz_number(found.get("UID")) if found is not None else None
    if found is not None and uid is not None and uid in part:
        return uid, found
    if found is not None and uid is not None and not any(key.startswith("BODY[") for key in found):
        connection.events.flagged(_listing(uid, found))
    else:
        connection.events.ignored += 1
        discard(frame)
    return None


def _merge(old: Items, new: Items) -> Items:
    merged = old | new
    for key in old.keys() & new.keys():
        if key.startswith("BODY["):
            first, second = _plain(old[key]), _plain(new[key])
            if _fingerprint(first) != _fingerprint(second):
                merged["CONFLICT"] = "1"
            merged[key] = first
            discard([second] if isinstance(second, Spooled) else [])
    return merged


def items_of(frame: Sequence[Part]) -> Items | None:
    """The items of ``* n FETCH (...)`` by upper-case name; None when it cannot be read."""
    line = frame[0]
    assert isinstance(line, bytes)
    try:
        values = parse(frame, max(line.find(b"("), 0))
    except Unparsable:
        return None
    return pairs(values[0]) if values and isinstance(values[0], list) else None


def listing_of(frame: Sequence[Part]) -> Listing | None:
    """The listing in a FETCH response, None without a UID."""
    found = items_of(frame)
    uid = nz_number(found.get("UID")) if found is not None else None
    return None if found is None or uid is None else _listing(uid, found)


def _listing(uid: int, found: Items) -> Listing:
    flags, labels = found.get("FLAGS"), found.get("X-GM-LABELS")
    return Listing(
        uid=uid,
        flags=tuple(f for f in flags if isinstance(f, str)) if isinstance(flags, list) else None,
        internaldate=text_of(found.get("INTERNALDATE")),
        size=natural(found.get("RFC822.SIZE"), _MODSEQ),
        modseq=natural(_first(found.get("MODSEQ")), _MODSEQ),
        emailid=text_of(_first(found.get("EMAILID"))),
        gm_msgid=natural(found.get("X-GM-MSGID"), (1 << 64) - 1),
        gm_thrid=natural(found.get("X-GM-THRID"), (1 << 64) - 1),
        labels=tuple(t for t in map(label, labels) if t is not None) if isinstance(labels, list) else None,
    )


def _first(value: Value) -> Value:
    return value[0] if isinstance(value, list) and value else value


def _body(found: Items) -> bytes | Spooled | None:
    return next((_plain(value) for key, value in found.items() if key.startswith("BODY[")), None)


def _plain(value: Value) -> bytes | Spooled | None:
    return value if isinstance(value, bytes | Spooled) else None


def _fingerprint(body: bytes | Spooled | None) -> object:
    return (
        (body.size, body.sha256) if isinstance(body, Spooled) else (None if body is None else (len(body), hash(body)))
    )
