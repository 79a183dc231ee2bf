"""Content-Transfer-Encoding (RFC 2045 section 6), lenient: nothing raises, each repair is told."""

import binascii
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

import pybase64

IDENTITY = frozenset({"7bit", "8bit", "binary"})
UUENCODE = frozenset({"x-uuencode", "x-uue", "uuencode", "uue"})
UU_START = 100
"""Lines among which ``begin`` may stand."""
UU_DAMAGED = "transfer.uuencode-damaged"
_SLICE = 1 << 18
_MISSING = (b"", b"", b"==", b"=")
_AFTER_PADDING = b"= \t\r\n"

FOREIGN = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
"""Octets that are no part of base64."""
_RUN = re.compile(rb"[^=]+")
_ODD = re.compile(rb"=(?:[ \t=]|\r(?!\n))")
_LINE_END = re.compile(rb"\n|\r(?![\r\n])")
_SOFT_BREAK = re.compile(rb"=[ \t]*+(?:\r*+\n|\r|\Z)")


def canonical(value: str | None) -> tuple[str, bool]:
    """The encoding to apply (identity, base64, quoted-printable, uuencode), and whether the name was understood."""
    if value is None:
        return "identity", True
    name = value.strip().lower()
    known = _canonical_word(name)
    if known is None:
        known = _canonical_word(re.split(r"[\s;(,]", name.strip("\"'; "), maxsplit=1)[0].strip("\"'"))
        return (known or "identity"), known is not None or not name
    return known, True


def _canonical_word(name: str) -> str | None:
    if name in IDENTITY:
        return "identity"
    if name in UUENCODE:
        return "uuencode"
    return name if name in {"base64", "quoted-printable"} else None


def decode(data: bytes | memoryview, encoding: str, *, clean_base64: bool = False) -> tuple[bytes, str | None]:
    """The decoded octets and the code of the repair that was needed, if any.

    ``clean_base64`` says that ``=`` stands nowhere but at the end, which the caller finds out without a copy.
    """
    if encoding == "base64":
        return base64(data, clean=clean_base64)
    if encoding == "quoted-printable":
        return quoted_printable(bytes(data))
    if encoding == "uuencode":
        return uuencode(bytes(data))
    return bytes(data), None


def base64(data: bytes | memoryview, *, clean: bool = False) -> tuple[bytes, str | None]:
    """RFC 2045 section 6.8. Foreign characters are skipped; padding may be missing or stand in the middle."""
    if clean or _padding_at_end(bytes(data)):
        try:
            return pybase64.b64decode(data), None
        except binascii.Error:
            pass
    return lenient_base64(bytes(data)), "transfer.base64-damaged"


def _padding_at_end(data: bytes) -> bool:
    first = data.find(b"=")
    return first < 0 or not data[first:].strip(_AFTER_PADDING)


def lenient_base64(data: bytes) -> bytes:
    """Each run of letters between paddings on its own; a lone last letter of a run carries no octet."""
    octets = bytearray()  # a list of what short runs give would take fifty times the memory of the data
    for found in _RUN.finditer(data.translate(None, FOREIGN)):
        run = found[0]
        octets += pybase64.b64decode(run + _MISSING[len(run) & 3] if len(run) & 3 != 1 else run[:-1])
    return bytes(octets)


def quoted_printable(data: bytes) -> tuple[bytes, str | None]:
    """RFC 2045 section 6.7. Soft breaks may carry trailing blanks; what is no escape stays as it is."""
    if b"=" not in data:
        return data, None
    if _ODD.search(data) is None:
        return binascii.a2b_qp(data), None
    return b"".join(map(_repaired, _slices(data))), "transfer.quoted-printable-damaged"


def _slices(data: bytes) -> Iterator[bytes]:
    """Pieces that end with a line: to replace many breaks at once takes seventy times the memory of their text."""
    start = 0
    while start < len(data):
        found = _LINE_END.search(data, start + _SLICE)
        end = found.end() if found else len(data)
        yield data[start:end]
        start = end


def _repaired(lines: bytes) -> bytes:
    single = lines.replace(b"==", b"=3D=").replace(b"==", b"=3D=")  # runs of them need both passes
    return binascii.a2b_qp(_SOFT_BREAK.sub(b"=\n", single))


def uuencode(data: bytes) -> tuple[bytes, str | None]:
    """Lines of uuencode, with or without ``begin`` and ``end``; a damaged line gives what it can."""
    lines = lines_of(data)
    decoded, damaged, _ = uu_octets(chain(behind_begin(list(islice(lines, UU_START))), lines))
    return decoded, UU_DAMAGED if damaged else None


def lines_of(data: bytes) -> Iterator[bytes]:
    """The lines without their ends."""
    return chain.from_iterable(piece.splitlines() for piece in _slices(data))


def behind_begin(start: list[bytes]) -> list[bytes]:
    """Of the first ``UU_START`` lines those behind ``begin``, all where it is not among them."""
    return start[next((number for number, line in enumerate(start) if line.startswith(b"begin ")), -1) + 1 :]


def uu_octets(lines: Iterable[bytes]) -> tuple[bytes, bool, bool]:
    """What lines decode to, whether one of them is damaged, and whether ``end`` was among them."""
    out = bytearray()
    damaged = False
    for line in lines:
        if line.rstrip() == b"end":
            return bytes(out), damaged, True
        if not line.strip():
            continue
        try:
            out += binascii.a2b_uu(line)
        except binascii.Error:
            damaged = not _mended_uu(line, out) or damaged
    return bytes(out), damaged, False


def _mended_uu(line: bytes, out: bytearray) -> bool:
    """Without what stands behind the octets that the line announces; False when that does not help either."""
    letters = (((line[0] - 32) & 63) * 4 + 5) // 3
    try:
        out += binascii.a2b_uu(line[:letters])
    except binascii.Error:
        return False
    return True
