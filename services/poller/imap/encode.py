"""The only way from values to command bytes: atom, quoted string or literal (RFC 9051 section 9).

CR, LF and NUL can only travel inside a literal (NUL not at all), so no value can end a command line.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from services.poller.domain.uidset import MAX_UID, UidSet

_ATOM = re.compile(rb"[A-Za-z0-9!#$&'+,./:;<=>?@\[\]^_`|~-]+")
_QUOTABLE = re.compile(rb"[\x20-\x7e]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
SET_BYTES = 800


@dataclass(frozen=True, slots=True)
class LiteralArgument:
    """Bytes which need a literal; NUL is refused by the maker."""

    data: bytes = field(repr=False)


Argument = bytes | LiteralArgument


def atom(value: str) -> bytes:
    """A word that needs no quoting. Raises ValueError otherwise."""
    raw = value.encode("ascii", "replace")
    if not _ATOM.fullmatch(raw) or not value.isascii():
        raise ValueError("not an IMAP atom")
    return raw


def quoted(value: str) -> bytes:
    """A quoted string of printable ASCII. Raises ValueError otherwise."""
    raw = value.encode("ascii", "replace")
    if not _QUOTABLE.fullmatch(raw) or not value.isascii():
        raise ValueError("not printable ASCII")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def string(value: bytes) -> Argument:
    """Any bytes without NUL as quoted string, else as literal. Raises ValueError on NUL."""
    if b"\0" in value:
        raise ValueError("NUL cannot be sent")
    if len(value) <= 500 and _QUOTABLE.fullmatch(value):
        return quoted(value.decode("ascii"))
    return LiteralArgument(value)


def header_list(fields: Iterable[str]) -> bytes:
    """Names of header fields in parentheses. Raises ValueError on anything but letters, digits and hyphens."""
    names = list(fields)
    if not names or not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise ValueError("not names of header fields")
    return b"(" + " ".join(names).upper().encode("ascii") + b")"


def number(value: int) -> bytes:
    """A number of at most 63 bits (RFC 9051 number64). Raises ValueError otherwise."""
    if not 0 <= value < 1 << 63:
        raise ValueError("not an IMAP number")
    return str(value).encode("ascii")


def sequence_sets(uids: UidSet, size: int = SET_BYTES) -> Iterator[tuple[bytes, UidSet]]:
    """The set as sequence-sets of at most ``size`` bytes, always low:high (QQ refuses high:low), with their UIDs."""
    chosen: list[tuple[int, int]] = []
    used = 0
    for low, high in uids.spans():
        text = len(str(low)) + (len(str(high)) + 1 if high != low else 0) + 1
        if chosen and used + text > size:
            yield _sequence(chosen)
            chosen, used = [], 0
        chosen.append((low, high))
        used += text
    if chosen:
        yield _sequence(chosen)


def _sequence(ranges: list[tuple[int, int]]) -> tuple[bytes, UidSet]:
    part = UidSet.from_ranges(ranges)
    return sequence_text(part), part


def sequence_text(uids: UidSet) -> bytes:
    """The set as one sequence-set; a range up to the largest UID ends in ``*``, which every server understands."""
    pieces = (str(low) if low == high else f"{low}:{high if high < MAX_UID else '*'}" for low, high in uids.spans())
    return ",".join(pieces).encode("ascii")
