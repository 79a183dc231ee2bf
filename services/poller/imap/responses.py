"""Responses as typed values (RFC 9051 section 7). Pure; numbers outside their RFC range count as absent."""

import re
from collections.abc import Sequence

import msgspec

from services.poller.domain.uidset import UidSet
from services.poller.imap.model import Folder, FolderStatus
from services.poller.imap.names import decode_utf7, display_name
from services.poller.imap.text import clean
from services.poller.imap.tokens import Part, Unparsable, Value, parse

MAX_UID = 0xFFFFFFFF
_LONGEST_NAME = 2_000  # octets; the database has an index of names, of which none may be longer than 2.7 kB
_STATUS = re.compile(rb" *(OK|NO|BAD|BYE|PREAUTH)(?: (.*))?$", re.IGNORECASE | re.DOTALL)
_OBJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_CODE = re.compile(rb"\[([^\s\]]{1,200})(?: ([^\]]*))?\] ?(.*)$", re.DOTALL)
_SPECIAL = {
    "\\all": "\\All",
    "\\allmail": "\\All",
    "\\archive": "\\Archive",
    "\\drafts": "\\Drafts",
    "\\flagged": "\\Flagged",
    "\\starred": "\\Flagged",
    "\\important": "\\Important",
    "\\inbox": "\\Inbox",
    "\\junk": "\\Junk",
    "\\spam": "\\Junk",
    "\\sent": "\\Sent",
    "\\trash": "\\Trash",
}
_NAMED = {
    "已发送": "\\Sent", "已发送邮件": "\\Sent", "sent": "\\Sent", "sent messages": "\\Sent", "sent items": "\\Sent",
    "草稿箱": "\\Drafts", "草稿": "\\Drafts", "drafts": "\\Drafts",
    "已删除": "\\Trash", "已删除邮件": "\\Trash", "deleted messages": "\\Trash", "deleted items": "\\Trash",
    "trash": "\\Trash", "垃圾邮件": "\\Junk", "垃圾箱": "\\Junk", "junk": "\\Junk", "spam": "\\Junk",
}  # fmt: skip


class Status(msgspec.Struct, frozen=True):
    """OK, NO, BAD, BYE or PREAUTH; ``code`` upper case without brackets, ``argument`` raw, ``text`` cleaned."""

    kind: str
    code: str
    argument: bytes
    text: str


def status(line: bytes) -> Status | None:
    """A status response without its tag or star; None when it is something else."""
    found = _STATUS.match(line)
    if found is None:
        return None
    rest = found[2] or b""
    code = _CODE.match(rest)
    kind = found[1].decode("ascii").upper()
    if code is None:
        return Status(kind, "", b"", clean(rest))
    return Status(kind, clean(code[1]).upper(), code[2] or b"", clean(code[3]))


def natural(value: Value, limit: int = MAX_UID) -> int | None:
    """A plain decimal number up to ``limit``; None for anything else (signs, fractions, exponents, lists)."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        result = int(value)
        return result if result <= limit else None
    return None


def nz_number(value: Value) -> int | None:
    """A number from 1 to 2^32 - 1, as UIDs and UIDVALIDITY are."""
    return natural(value) or None


def raw_bytes(value: Value) -> bytes | None:
    """The bytes of an atom or string; None for NIL, lists and spooled literals."""
    if isinstance(value, str):
        return value.encode("latin-1")
    return value if isinstance(value, bytes) else None


def words(line: bytes) -> frozenset[str]:
    """Upper-case words of a capability list."""
    return frozenset(line.decode("ascii", "replace").upper().split())


def pairs(values: Sequence[Value]) -> dict[str, Value]:
    """An alternating name/value list as a dict with upper-case names; odd or nameless entries are left out.

    Of a name given twice the last value counts that is not NIL.
    """
    found: dict[str, Value] = {}
    for name, value in zip(values[0::2], values[1::2], strict=False):
        if isinstance(name, str) and (value is not None or name.upper() not in found):
            found[name.upper()] = value
    return found


def list_entry(parts: Sequence[Part], start: int) -> Folder:
    """``(attributes) delimiter name`` from byte ``start``; NIL attributes are none. Raises Unparsable."""
    values = parse(parts, start)
    listed = values[0] or [] if values else None
    if len(values) < 3 or not isinstance(listed, list):
        raise Unparsable("LIST entry without attributes, delimiter and name")
    wire = b"NIL" if values[2] is None else raw_bytes(values[2])
    if wire is None or b"\0" in wire or len(wire) > _LONGEST_NAME:  # NUL can neither be sent back nor be kept as text
        raise Unparsable("LIST entry without a name that can be used")
    delimiter = raw_bytes(values[1])
    attributes = frozenset(a.lower() for a in listed if isinstance(a, str))
    name = display_name(wire)
    return Folder(
        wire=wire,
        name=name,
        delimiter=clean(delimiter) if delimiter else None,
        attributes=attributes,
        special_use=_special_use(name, attributes),
        selectable=not attributes & {"\\noselect", "\\nonexistent"},
    )


def _special_use(name: str, attributes: frozenset[str]) -> str | None:
    marked = [_SPECIAL[a] for a in sorted(attributes) if a in _SPECIAL]
    if name == "INBOX":
        return "\\Inbox"
    return marked[0] if marked else _NAMED.get(name.lower())


def status_entry(parts: Sequence[Part], start: int) -> tuple[bytes, FolderStatus]:
    """``name (items)`` from byte ``start``. Raises Unparsable."""
    values = parse(parts, start)
    wire = raw_bytes(values[0]) if values else None
    if wire is None or len(values) < 2 or not isinstance(values[1], list):
        raise Unparsable("STATUS without name and items")
    items = pairs(values[1])
    identifier = items.get("MAILBOXID")
    return wire, FolderStatus(
        messages=natural(items.get("MESSAGES")),
        uidnext=nz_number(items.get("UIDNEXT")),
        uidvalidity=nz_number(items.get("UIDVALIDITY")),
        highestmodseq=natural(items.get("HIGHESTMODSEQ"), (1 << 63) - 1),
        unseen=natural(items.get("UNSEEN")),
        mailboxid=object_id(text_of(identifier[0] if isinstance(identifier, list) and identifier else identifier)),
    )


def object_id(told: str | None) -> str | None:
    """An identifier as RFC 8474 section 7 has it, else None: Cyrus 3.6.1 tells octets of its memory in STATUS."""
    return told if told and _OBJECT_ID.fullmatch(told) else None


def text_of(value: Value) -> str | None:
    """Cleaned text of an atom or string."""
    raw = raw_bytes(value)
    return None if raw is None else clean(raw)


def label(value: Value) -> str | None:
    """A Gmail label: modified UTF-7, else as it stands."""
    raw = raw_bytes(value)
    if raw is None:
        return None
    try:
        return decode_utf7(raw.decode("ascii"))
    except ValueError:
        return clean(raw)


def uid_ranges(text: bytes) -> UidSet:
    """A sequence-set from the server, in any order, never expanded. Raises Unparsable."""
    ranges = []
    for piece in text.decode("latin-1").strip().split(","):
        low, _, high = piece.partition(":")
        first, last = nz_number(low), nz_number(high or low)
        if first is None or last is None:
            raise Unparsable("not a sequence-set")
        ranges.append((min(first, last), max(first, last)))
    return UidSet.from_ranges(ranges)
