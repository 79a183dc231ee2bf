"""Header blocks in the octets of a message: where they start and end, and what they say."""

import re
from typing import Final

from services.common.email import Defect
from services.parser.mime import content, fields
from services.parser.mime.content import Content
from services.parser.mime.fields import Header
from services.parser.mime.limits import Limits
from services.parser.mime.result import Octets

_EMPTY_LINE: Final = {b"\n": re.compile(rb"\n\r*+\n"), b"\r": re.compile(rb"\r\r")}
_FIRST: Final = {b"\n": (b"\n", b"\r\n", b"\r\r\n"), b"\r": (b"\r",)}
_SEPARATOR: Final = re.compile(rb">?From (?![ \t]*:)")
_SEPARATES: Final = frozenset({b"F", b">"})
_ENDED_BY_RETURNS: Final = re.compile(rb"(?:[!-9;-~]+:[^\r\n]*+\r(?:[ \t][^\r\n]*+\r)*){2,}\r(?!\n)")
_HEAD: Final = 4096
_SEEN: Final[dict[tuple[bytes, str, int, int, int], tuple[Header, Content]]] = {}
_MOST_SEEN: Final = 2048
_SHORT_BLOCK: Final = 256
"""Small blocks without a defect, which come again and again: a cache, bounded in number and length."""


def start_of(data: Octets, defects: list[Defect]) -> tuple[int, bytes]:
    """Where the header starts, after a byte order mark and an mbox separator, and what ends a line."""
    head = data[:_HEAD]
    newline = _newline(data, head)
    start = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    if head[start : start + 1] in _SEPARATES and _SEPARATOR.match(head, start):
        defects.append(Defect("header.mbox-separator", None, start))
        start = data.find(newline, start, len(data)) + 1 or len(data)
    return start, newline


def _newline(data: Octets, head: bytes) -> bytes:
    """LF, but CR where there is no LF, or none before the end of a header whose fields end with CR."""
    if b"\r" not in head:
        return b"\n"
    only_returns = data.find(b"\n", 0, len(data)) < 0 or _ENDED_BY_RETURNS.match(head)
    return b"\r" if only_returns else b"\n"


def empty_line(block: bytes, newline: bytes) -> tuple[int, int]:
    """How many octets of fields stand in front of the first empty line, and how many up to behind it; or 0 and 0."""
    if block.startswith(_FIRST[newline]):
        return 0, block.index(newline) + 1
    found = _EMPTY_LINE[newline].search(block)
    return (found.start() + 1, found.end()) if found else (0, 0)


def described(
    block: bytes,
    start: int,
    path: str | None,
    default: Content,
    limits: Limits,
    defects: list[Defect],
    hint: str | None = None,
) -> tuple[Header, Content]:
    """The fields of a part and what they say; small blocks without a defect come again and again.

    ``hint`` is the charset that raw octets in them are probably in.
    """
    short = path is not None and len(block) <= _SHORT_BLOCK and block.isascii()
    key = (block, default.type, limits.parameters, limits.field, limits.fields)
    known = _SEEN.get(key) if short else None
    if known is not None:
        return known
    before = len(defects)
    header = fields.parse(block, start, path, defects, limits.fields)
    found = header, content.parse(header, path, default, limits, defects, hint)
    if short and len(defects) == before and len(_SEEN) < _MOST_SEEN:
        _SEEN[key] = found
    return found
