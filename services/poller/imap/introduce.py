"""ID (RFC 2971) and ENABLE (RFC 5161)."""

from collections.abc import Mapping, Sequence

from services.poller.imap.classify import throttle
from services.poller.imap.encode import Argument, atom, quoted
from services.poller.imap.exchange import Line
from services.poller.imap.model import Identified
from services.poller.imap.protocol import Connection
from services.poller.imap.responses import text_of, words
from services.poller.imap.tokens import Part, Unparsable, parse

_MAX_PAIRS, _MAX_NAME, _MAX_VALUE = 30, 30, 1024


def id_line(fields: Mapping[str, str]) -> Line:
    """ID. Raises ValueError beyond the bounds of RFC 2971."""
    return Line("ID", [id_argument(fields)], frozenset({b"ID"}))


def enable_line(names: Sequence[str]) -> Line:
    """ENABLE."""
    return Line("ENABLE", [atom(name) for name in names], frozenset({b"ENABLED"}))


async def identify(connection: Connection, fields: Mapping[str, str]) -> Identified:
    """ID. NO and BAD are taken as they are. Raises ValueError beyond the bounds of RFC 2971."""
    exchange = await connection.begin(*id_line(fields))
    reply: dict[str, str] | None = None
    while frames := await connection.frames(exchange):
        reply = _reply(frames[0])
    answer = connection.finish(exchange)
    return Identified(sent=True, accepted=answer.kind == "OK", reply=reply)


def id_argument(fields: Mapping[str, str]) -> Argument:
    """One list of quoted strings, the only form every server takes."""
    names = list(fields)
    if len(names) > _MAX_PAIRS or any(len(n) > _MAX_NAME or len(fields[n]) > _MAX_VALUE for n in names):
        raise ValueError("too many or too long ID fields (RFC 2971 section 3.3)")
    if not names:
        return b"NIL"
    return b"(" + b" ".join(quoted(name) + b" " + quoted(fields[name]) for name in names) + b")"


def _reply(frame: list[Part]) -> dict[str, str] | None:
    try:
        values = parse(frame, 5)
    except Unparsable:
        return None
    if not values or not isinstance(values[0], list):
        return None
    texts = [text_of(value) or "" for value in values[0][: 2 * _MAX_PAIRS]]
    return dict(zip(texts[0::2], texts[1::2], strict=False))


async def enable(connection: Connection, names: Sequence[str]) -> frozenset[str]:
    """ENABLE; the names that the server confirmed. A refusal enables nothing; one for want of pace is raised."""
    exchange = await connection.begin(*enable_line(names))
    enabled: set[str] = set()
    while frames := await connection.frames(exchange):
        lines = [frame[0] for frame in frames]
        enabled |= {word for line in lines if isinstance(line, bytes) for word in words(line[9:])}
    answer = connection.finish(exchange)
    limited = throttle(answer, usable=True) if answer.kind != "OK" else None
    if limited is not None:
        raise limited
    return frozenset(enabled) & frozenset(names) if answer.kind == "OK" else frozenset()
