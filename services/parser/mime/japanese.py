"""ISO-2022-JP and EUC-JP as they are written: with the vendor characters of cp932, which Python's codecs refuse.

Circled numbers, Roman numerals and names such as 髙 stand in rows 13 and 89 to 92 of the table (WHATWG Encoding
Standard, index jis0208); the way to them is by Shift_JIS.
"""

import re
from array import array
from functools import cache
from itertools import product
from sys import byteorder

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\([BJI])")
_EUC = re.compile(rb"([\x00-\x7f]++)|((?:[\xa1-\xfe]{2})+)|\x8e([\xa1-\xdf])")
_LINES = re.compile(rb"([\r\n]+)")
_KANJI = frozenset({b"$@", b"$B"})
_HIGH = bytes(octet | 0x80 for octet in range(256))
_NO_TEXT = b"\xff"
_MOST_ESCAPES = 100_000
_MOST_RUNS = 50_000
"""Of a text in EUC-JP that Python's codec refuses: one in 40 octets of 2 MiB starts another script."""
_LOW = bytes(octet & 0x7F for octet in range(256))


def iso_2022(data: bytes) -> str | None:
    """The text of ISO-2022-JP octets; None when they are damaged."""
    if data.count(b"\x1b") > _MOST_ESCAPES:
        return None
    first, *pieces = _ESCAPE.split(data)
    out = [first]
    for escape, run in zip(pieces[::2], pieces[1::2], strict=True):
        if escape in _KANJI:
            out += [_row_of(line) for line in _LINES.split(run)] if b"\n" in run or b"\r" in run else [_row_of(run)]
        else:
            out.append(run.translate(_HIGH) if escape == b"(I" else run)
    return _text(b"".join(out))


def euc(data: bytes) -> str | None:
    """The text of EUC-JP octets without JIS X 0212; None when they are damaged."""
    out: list[bytes] = []
    position = 0
    for found in _EUC.finditer(data):
        if found.start() != position or len(out) > _MOST_RUNS:
            return None
        position = found.end()
        out.append(_kanji(found[2].translate(_LOW)) if found[2] else found[1] or found[3])
    return _text(b"".join(out)) if position == len(data) else None


def _row_of(line: bytes) -> bytes:
    return line if not line.strip(b"\r\n") else _kanji(line)


def _kanji(pairs: bytes) -> bytes:
    """Pairs of JIS X 0208 octets as Shift_JIS; what is no pair becomes an octet that no text has."""
    if len(pairs) % 2:
        return _NO_TEXT
    return array("H", map(_table().__getitem__, array("H", pairs))).tobytes()


@cache
def _table() -> list[int]:
    """The Shift_JIS pair of each pair of octets, as numbers of this machine's byte order."""
    table = [0xFFFF] * 0x10000
    for row, cell in product(range(0x21, 0x7F), repeat=2):
        lead = ((row - 0x21) >> 1) + 0x81
        trail = cell + 0x7E if row % 2 == 0 else cell + 0x1F + (cell >= 0x60)
        shifted = bytes([lead if lead <= 0x9F else lead + 0x40, trail])
        table[int.from_bytes(bytes([row, cell]), byteorder)] = int.from_bytes(shifted, byteorder)
    return table


def _text(octets: bytes) -> str | None:
    if _NO_TEXT in octets:
        return None
    try:
        return octets.decode("cp932")
    except UnicodeDecodeError:
        return None
