"""Files inside a text: uuencode, yEnc and BinHex. The text itself is left as it is."""

import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pybase64

from services.common.message import transfer
from services.parser.mime import charsets, words
from services.parser.mime.derived import Derived

TYPES: Final = frozenset({"application/mac-binhex40", "application/mac-binhex"})
"""Parts that are nothing but such a file."""

_BEGIN: Final = re.compile(rb"begin[ -]")
_UU: Final = re.compile(rb"begin(-base64)? [0-7]{3,6} ([^\r\n]{1,1000}?)[ \t]*\r?\n")
_UU_END: Final = re.compile(rb"\n(?:end|====)[ \t]*(?=\r?\n|\Z)")
_YENC: Final = re.compile(rb"=ybegin ([^\r\n]{1,2000})\r?\n(?:=ypart [^\r\n]*\r?\n)?")
_YENC_NAME: Final = re.compile(rb"name=(.+)\Z")
_YENC_SIZE: Final = re.compile(rb"\n=yend size=(\d{1,12})")
_YENC_PART: Final = re.compile(rb"\bpart=\d")
_YENC_ESCAPE: Final = re.compile(rb"=(.)", re.DOTALL)
_YENC_SHIFT: Final = bytes((octet - 42) & 255 for octet in range(256))
_BINHEX_MARK: Final = b"(This file must be converted with BinHex"
_BINHEX: Final = re.compile(rb"\(This file must be converted with BinHex[^\r\n]*(?:\r?\n)+[ \t]*:([^:]+):?")
_BINHEX_ALPHABET: Final = rb"""!"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"""
_BASE64_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FROM_BINHEX: Final = bytes.maketrans(_BINHEX_ALPHABET, _BASE64_ALPHABET)
_NOT_BINHEX: Final = bytes(set(range(256)) - set(_BINHEX_ALPHABET))
_RUN_MARK: Final = b"\x90"
_RUN: Final = re.compile(rb"\x90(.)", re.DOTALL)
_MOST: Final = 100
_LARGEST: Final = 64 << 20
_MOST_RUNS: Final = 150_000
_MOST_ESCAPES: Final = 300_000
"""More than 16 MiB of encoded file have: one octet of 64. Later ones stay, and the size is then not the stated one."""

Found = tuple[Derived, str | None]
Read = Callable[[bytes, int, str | None], Found | None]


@dataclass(frozen=True, slots=True)
class Embedded:
    """The files in order of appearance with offset and length in the octets searched, and codes of repairs."""

    files: tuple[Derived, ...] = ()
    defects: tuple[str, ...] = ()


_NOTHING: Final = Embedded()


def extract(data: bytes, charset: str | None = None, most: int = _MOST) -> Embedded:
    """The files in the decoded octets of a text part, at most 100. Never raises; linear; cheap where there is none.

    ``charset`` is the label of the text, which the names of the files are in too. ``most`` lowers the bound; that there
    are more files is ``limit.files``.
    """
    most = min(most, _MOST)
    found: list[Found] = []
    if _BEGIN.search(data):
        found += _all(data, b"begin", _uuencoded, most + 1, charset)
        found += _all(data, b"=ybegin ", _yencoded, most + 1 - len(found), charset)
    if data.find(_BINHEX_MARK) >= 0:
        found += _all(data, _BINHEX_MARK, _binhexed, most + 1 - len(found), charset)
    if not found:
        return _NOTHING
    told = sorted(found[:most], key=lambda item: item[0].offset)
    codes = [code for _, code in told if code] + ["limit.files"] * (len(found) > most)
    return Embedded(tuple(file for file, _ in told), tuple(dict.fromkeys(codes)))


def _all(data: bytes, mark: bytes, read: Read, most: int, charset: str | None) -> Iterator[Found]:
    """Every file that starts with ``mark`` at the start of a line."""
    at = data.find(mark)
    while at >= 0 and most > 0:
        item = read(data, at, charset) if at == 0 or data[at - 1] in b"\r\n" else None
        if item is not None:
            yield item
            most -= 1
        at = data.find(mark, at + (item[0].length if item else len(mark)))


def _uuencoded(data: bytes, at: int, charset: str | None) -> Found | None:
    head = _UU.match(data, at)
    if head is None or not (head[1] or _looks_uuencoded(data, head.end())):
        return None
    end = _UU_END.search(data, head.end() - 1)
    stop = end.start() if end else len(data)
    content = data[head.end() : stop]
    decoded, defect = transfer.base64(content) if head[1] else transfer.uuencode(b"begin 644 x\n" + content)
    last = end.end() if end else len(data)
    file = Derived(_name(head[2], charset), None, decoded, at, last - at)
    return file, defect or (None if end else "embedded.unfinished")


def _looks_uuencoded(data: bytes, at: int) -> bool:
    """The first line has the length that its first character announces, give or take a checksum and lost blanks."""
    stop = data.find(b"\n", at, at + 200)
    line = data[at : stop if stop >= 0 else at + 200].rstrip(b"\r")
    if not line or not 32 <= line[0] <= 96:
        return line.rstrip() in {b"`", b"end"}
    letters = -(-((line[0] - 32) & 63) // 3) * 4
    return len(line.rstrip()) - 1 <= letters + 2 and len(line) - 1 >= min(letters, 1)


def _yencoded(data: bytes, at: int, charset: str | None) -> Found | None:
    head = _YENC.match(data, at)
    if head is None:
        return None
    tail = data.find(b"\n=yend", head.end() - 1)
    stop = tail if tail >= 0 else len(data)
    content = data[head.end() : stop].replace(b"\r", b"").replace(b"\n", b"")
    decoded = _YENC_ESCAPE.sub(_unescaped, content, _MOST_ESCAPES).translate(_YENC_SHIFT)
    said = _YENC_SIZE.match(data, stop)
    short = said is None or int(said[1]) != len(decoded)
    name = _YENC_NAME.search(head[1])
    last = data.find(b"\n", stop + 1) if tail >= 0 else len(data)
    length = (last if last >= 0 else len(data)) - at
    code = "embedded.partial" if _YENC_PART.search(head[1]) else ("embedded.damaged" if short else None)
    return Derived(_name(name[1].strip() if name else b"", charset), None, decoded, at, length), code


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([(found[1][0] - 64) & 255])


def _binhexed(data: bytes, at: int, charset: str | None) -> Found | None:
    """BinHex 4.0 (RFC 1741 appendix): header, data fork and resource fork; the data fork is the file."""
    head = _BINHEX.match(data, at)
    if head is None:
        return None
    letters = head[1].translate(_FROM_BINHEX, _NOT_BINHEX)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    try:
        packed = pybase64.b64decode(letters + b"=" * (-len(letters) % 4))
    except binascii.Error:
        return None
    content = _unpacked(packed)
    named = 1 + (content[0] if content else 0)
    size = int.from_bytes(content[named + 11 : named + 15], "big")
    file = content[named + 21 : named + 21 + size]
    sound = len(content) > named + 21 and len(file) == size
    made = Derived(_name(content[1:named], charset), None, file, at, head.end() - at)
    return made, None if sound else "embedded.damaged"


def _unpacked(packed: bytes) -> bytes:
    """Runs: octet, 0x90, count; 0x90 followed by nought is 0x90 itself.

    What has more than 150,000 runs or would become more than 64 MiB is not unpacked.
    """
    if packed.count(_RUN_MARK) > _MOST_RUNS:
        return b""
    out = bytearray()
    at = 0
    for found in _RUN.finditer(packed):
        out += packed[at : found.start()]
        count = found[1][0]
        out += out[-1:] * (count - 1) if count else _RUN_MARK
        at = found.end()
    out += packed[at:]
    return bytes(out) if len(out) <= _LARGEST else b""


def _name(octets: bytes, charset: str | None) -> str | None:
    return words.clean(charsets.decode(octets, charset).value) or None
