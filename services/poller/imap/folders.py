"""Folder commands: LIST and its ladder, STATUS, NAMESPACE, EXAMINE."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from services.poller.imap.classify import refusal
from services.poller.imap.encode import Argument, string
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.events import numbered
from services.poller.imap.exchange import Line
from services.poller.imap.model import Folder, FolderStatus, Opened
from services.poller.imap.names import address
from services.poller.imap.notify import News, notify_line
from services.poller.imap.protocol import Connection
from services.poller.imap.responses import (
    Status,
    list_entry,
    natural,
    nz_number,
    object_id,
    raw_bytes,
    status,
    status_entry,
)
from services.poller.imap.tokens import Part, Unparsable, Value, parse

# What comes with the answer to EXAMINE tells of the folder as it is opened: none of it is an event.
_OPEN = frozenset({b"EXISTS", b"FLAGS", b"RECENT", b"OK", b"VANISHED", b"FETCH", b"EXPUNGE"})
_MODSEQ = (1 << 63) - 1


async def run(
    connection: Connection, name: str, arguments: Sequence[Argument], wants: frozenset[bytes]
) -> tuple[list[list[Part]], Status]:
    """A command whose answer is small: its wanted responses and tagged OK. Raises what NO or BAD means."""
    exchange = await connection.begin(name, arguments, wants)
    frames: list[list[Part]] = []
    while batch := await connection.frames(exchange):
        frames += batch
    answer = connection.finish(exchange)
    if answer.kind != "OK":
        raise refusal(answer, name)
    return frames, answer


def status_items(capabilities: frozenset[str]) -> bytes:
    """The STATUS items worth asking for."""
    extra = [b"HIGHESTMODSEQ"] * ("CONDSTORE" in capabilities) + [b"MAILBOXID"] * ("OBJECTID" in capabilities)
    return b"(" + b" ".join([b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", *extra]) + b")"


def list_line(options: bytes) -> Line:
    """LIST of everything; ``options`` as ``list_options`` gives them."""
    more: list[Argument] = [b"RETURN", options] if options else []
    return Line("LIST", [b'""', b'"*"', *more], frozenset({b"LIST", b"STATUS"}))


def examine_line(wire: bytes, argument: bytes | None) -> Line:
    """EXAMINE with an optional argument in parentheses."""
    return Line("EXAMINE", [string(wire), *([argument] if argument else [])], _OPEN)


async def list_folders(connection: Connection, *, with_status: bool, plain: bool) -> tuple[Folder, ...]:
    """LIST in the richest advertised form, down to the plain one when the server refuses it."""
    options = b"" if plain else list_options(frozenset(connection.capabilities), with_status=with_status)
    if options:
        with suppress(CommandRejected, Refused):
            return await _list(connection, options)
    return await _list(connection, b"")


def list_options(capabilities: frozenset[str], *, with_status: bool) -> bytes:
    """``(SPECIAL-USE STATUS (...))`` as far as it is advertised; empty when plain LIST is all there is."""
    if "LIST-EXTENDED" not in capabilities and "IMAP4REV2" not in capabilities:
        return b""
    options = [b"SPECIAL-USE"] * ("SPECIAL-USE" in capabilities)
    if with_status and "LIST-STATUS" in capabilities:
        options.append(b"STATUS " + status_items(capabilities))
    return b"(" + b" ".join(options) + b")" if options else b""


async def _list(connection: Connection, options: bytes) -> tuple[Folder, ...]:
    frames, _ = await run(connection, *list_line(options))
    folders: dict[bytes, Folder] = {}
    states: dict[bytes, FolderStatus] = {}
    connection.unreadable = 0
    for frame in frames:
        line = frame[0]
        assert isinstance(line, bytes)
        try:
            if line[2:6].upper() == b"LIST":
                folder = list_entry(frame, 6)
                known = folders.setdefault(address(folder.wire), folder)
                folders[address(folder.wire)] = known if known.selectable else folder
            else:
                wire, state = status_entry(frame, 8)
                if not _unasked(connection, wire, state):
                    states[address(wire)] = state
        except Unparsable:
            connection.unreadable += line[2:6].upper() == b"LIST"
    return tuple(replace(folder, status=states.get(key)) for key, folder in folders.items())


async def folder_status(connection: Connection, wire: bytes) -> FolderStatus:
    """STATUS. Raises Refused when the answer does not say anything."""
    items = status_items(frozenset(connection.capabilities) - {"OBJECTID"})  # who opens it is told that
    frames, _ = await run(connection, "STATUS", [string(wire), items], frozenset({b"STATUS"}))
    found: FolderStatus | None = None
    for frame in frames:
        try:
            named, state = status_entry(frame, 8)
        except Unparsable:
            continue
        partial = _unasked(connection, named, state)
        if address(named) == address(wire) and (found is None or not partial):
            found = state
    if found is None:
        raise Refused("the server answered STATUS without a status", usable=True)
    return found


def _unasked(connection: Connection, wire: bytes, state: FolderStatus) -> bool:
    """Whether it is news that NOTIFY asked for, which tells less than what a command asks for (RFC 5465 section 5)."""
    news = connection.events.news
    if news is None or state.uidvalidity is not None:
        return False
    news.hear(wire, state)
    return True


async def notify(connection: Connection, news: News) -> None:
    """NOTIFY; what is told is in ``news``, and in ``connection.events`` from now on."""
    connection.events.news = news
    try:
        frames, _ = await run(connection, *notify_line())
    except BaseException:
        connection.events.news = None
        raise
    for frame in frames:
        with suppress(Unparsable):
            news.hear(*status_entry(frame, 8))


async def namespace(connection: Connection) -> tuple[tuple[bytes, str | None], ...]:
    """Personal namespaces (RFC 2342)."""
    frames, _ = await run(connection, "NAMESPACE", [], frozenset({b"NAMESPACE"}))
    for frame in frames:
        try:
            values = parse(frame, 11)
        except Unparsable:
            continue
        personal = values[0] if values and isinstance(values[0], list) else []
        return tuple(_prefix(entry) for entry in personal if isinstance(entry, list) and entry)
    return ()


def _prefix(entry: list[Value]) -> tuple[bytes, str | None]:
    delimiter = raw_bytes(entry[1]) if len(entry) > 1 else None
    return raw_bytes(entry[0]) or b"", delimiter.decode("latin-1") if delimiter else None


async def examine(connection: Connection, wire: bytes, argument: bytes | None) -> Opened:
    """EXAMINE with an optional argument in parentheses. Failing leaves nothing open (RFC 9051 section 6.3.2)."""
    connection.state = "AUTH"
    frames, answer = await run(connection, *examine_line(wire, argument))
    connection.state = "SELECTED"
    opened = _opened(connection, wire, frames, answer)
    if opened is None:
        raise Refused("the server opened the folder without saying how many messages exist", usable=True)
    connection.exists = opened.exists
    return opened


def _opened(connection: Connection, wire: bytes, frames: list[list[Part]], answer: Status) -> Opened | None:
    exists: int | None = None
    codes: dict[str, str] = {}
    for frame in frames:
        line = frame[0]
        assert isinstance(line, bytes)
        value, word = numbered(line)
        said = status(line[2:])
        if said is not None and said.code == "CLOSED":  # RFC 7162 section 3.2.11: so far it was about the last folder
            exists, codes = None, {}
        elif said is not None:
            codes[said.code] = said.argument.decode("latin-1")
        elif word == b"EXISTS":
            exists = value if value is not None else exists
    if exists is None and "UIDVALIDITY" not in codes:
        return None
    condstore = bool({"CONDSTORE", "QRESYNC"} & connection.capabilities)
    return Opened(
        wire=wire,
        read_only=answer.code != "READ-WRITE",
        exists=exists or 0,
        uidvalidity=nz_number(codes.get("UIDVALIDITY")),
        uidnext=nz_number(codes.get("UIDNEXT")),
        highestmodseq=(natural(codes.get("HIGHESTMODSEQ"), _MODSEQ) or None) if condstore else None,
        nomodseq="NOMODSEQ" in codes,
        mailboxid=object_id(codes.get("MAILBOXID", "").strip("()")),
    )
