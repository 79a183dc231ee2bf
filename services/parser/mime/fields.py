"""Header blocks cut into fields (RFC 5322 section 2.2), damaged ones included."""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import Final

from services.common.email import Defect
from services.parser.mime import charsets, words

_NAME: Final = re.compile(r"[!-9;-~]+")
_LONGEST_NAME: Final = 128
_LONGEST_LINE: Final = 998
"""Of RFC 5322 section 2.1.1: a longer name is text."""
_LONG: Final = 16 * 1024
_ONCE: Final = frozenset({"message-id", "from", "subject", "date", "to", "cc", "bcc"}) | {
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
}
_FACTS: Final = _ONCE | {"sender", "reply-to", "references", "in-reply-to"}
_MOST_FACTS: Final = 100
_CUTS: Final = {
    "\n": re.compile(r"\n(?![ \t])"),
    "\r\n": re.compile(r"\r\n(?![ \t])"),
    "\r": re.compile(r"\r(?![ \t])"),
    "": re.compile(r"\r?\n(?![ \t])"),
}


class Header:
    """The fields of one block in order: names as sent, keys in lower case, raw values as text of ``codec``."""

    def __init__(
        self,
        names: list[str],
        keys: list[str],
        values: list[str],
        first: dict[str, str],
        codec: str,
        end: int | None = None,
        repeated: frozenset[str] = frozenset(),
        looks: str | None = None,
    ) -> None:
        self.names = names
        self.keys = keys
        self.values = values
        self.first = first
        self.codec = codec
        self.end = end
        """Where the body starts when a line that is no field ended the block, counted from the block's first octet."""
        self.repeated = repeated
        """Keys of fields that may stand only once and stand more than once."""
        self.looks = looks
        """What the raw octets of all fields together look like: a name or a subject alone has too few to tell."""

    def get(self, key: str) -> str | None:
        """The raw value of the first field of that name."""
        return self.first.get(key)

    def all(self, key: str) -> list[str]:
        """The raw values of all fields of that name."""
        return [value for found, value in zip(self.keys, self.values, strict=True) if found == key]


_NONE: Final[frozenset[str]] = frozenset()
NOTHING: Final = Header([], [], [], {}, "ascii")


_KEYS: Final[dict[str, str]] = {}
"""Names that were seen, by their key: a cache, bounded in number and length."""
_MOST_KEYS: Final = 4096


def _key(name: str) -> str | None:
    """The name in lower case, None when it is no field name."""
    known = _KEYS.get(name)
    if known is None and len(name) <= _LONGEST_LINE and _NAME.fullmatch(name):
        known = name.lower()
        if len(name) <= _LONGEST_NAME and len(_KEYS) < _MOST_KEYS:
            _KEYS[name] = known
    return known


def parse(block: bytes, start: int, part: str | None, defects: list[Defect], most: int = 10_000) -> Header:
    """The first ``most`` fields of ``block``, which starts at ``start`` in the message; the empty line is not in it."""
    if 0 in block:
        defects.append(Defect("header.nul", part, start + block.index(b"\0")))
        return _without_nul(_parse(block, start, part, defects, most))
    return _parse(block, start, part, defects, most) if block else NOTHING


def _without_nul(header: Header) -> Header:
    values = [value.replace("\0", "") for value in header.values]
    return _header(header.names, header.keys, values, header.codec, header.end)


def _header(names: list[str], keys: list[str], values: list[str], codec: str, end: int | None = None) -> Header:
    first: dict[str, str] = {}
    again: list[str] = []
    for number, key in enumerate(keys):
        if key in first:
            again.append(key)
        else:
            first[key] = values[number]
    looks = _looks(values) if codec == "latin-1" else None
    return Header(names, keys, values, first, codec, end, _ONCE.intersection(again) if again else _NONE, looks)


def _parse(block: bytes, start: int, part: str | None, defects: list[Defect], most: int) -> Header:
    text, codec = _text(block)
    pieces = _pieces(text) if len(text) < _LONG else _pieces_of_long(text)
    if len(pieces) > most:
        defects.append(Defect("limit.fields", part, start))
        pieces = pieces[:most] + [piece for piece in pieces[most:] if _is_fact(piece)][:_MOST_FACTS]
    names: list[str] = []
    keys: list[str] = []
    values: list[str] = []
    for piece in pieces:
        name, colon, value = piece.partition(":")
        key = _key(name) if colon else None
        if key is None:
            return _damaged(text, pieces, codec, start, part, defects)
        names.append(name)
        keys.append(key)
        values.append(value)
    return _header(names, keys, values, codec)


def _is_fact(piece: str) -> bool:
    """True for a field that says what the message is: it counts also behind more fields than are told."""
    name, colon, _ = piece[:_LONGEST_NAME].partition(":")
    return bool(colon) and name.lower() in _FACTS


def _text(block: bytes) -> tuple[str, str]:
    if block.isascii():
        return block.decode("ascii"), "ascii"
    try:
        return block.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return block.decode("latin-1"), "latin-1"


def _pieces(text: str) -> list[str]:
    ends = _line_end(text)
    if not ends:
        return [piece.rstrip("\r") for piece in _CUTS[""].split(text.removesuffix("\n"))]
    pieces: list[str] = _CUTS[ends].split(text)
    if len(pieces) > 1 and not pieces[-1]:
        pieces.pop()
    return pieces


def _pieces_of_long(text: str) -> list[str]:
    """Only the first pieces of a text that is no header: two lines that are no field end it."""
    first = _pieces(text[:_LONG])[:-1]
    if len(first) > 1 and not any(_is_field(*piece.partition(":")[:2]) for piece in first[:2]):
        return first[:2]
    return _pieces(text)


def _line_end(text: str) -> str:
    """The line end of the whole block, empty when mixed."""
    if "\r" not in text:
        return "\n"
    returns = text.count("\r")
    feeds = text.count("\n")
    if not feeds:
        return "\r"
    return "\r\n" if returns == feeds == text.count("\r\n") else ""


def _damaged(text: str, pieces: list[str], codec: str, start: int, part: str | None, defects: list[Defect]) -> Header:
    """A single line that is no field between fields is skipped; two of them, or one at the end, start the body."""
    names: list[str] = []
    values: list[str] = []
    end: int | None = None
    for number, (offset, piece) in enumerate(_placed(text, pieces, codec)):
        name, colon, value = piece.partition(":")
        if _is_field(name, colon):
            names.append(_bare(name))
            values.append(value)
            continue
        following = pieces[number + 1 : number + 2]
        defects.append(Defect("header.not-a-field", part, start + offset))
        if not (following and _is_field(*following[0].partition(":")[:2])):
            end = offset
            break
    return _header(names, [name.lower() for name in names], values, codec, end)


def _is_field(name: str, colon: str) -> bool:
    return bool(colon) and len(name) <= _LONGEST_LINE and _NAME.fullmatch(_bare(name)) is not None


def _bare(name: str) -> str:
    """A name without what stands in it by mistake: NUL, and blanks before the colon."""
    return name.replace("\0", "").rstrip(" \t")


def _placed(text: str, pieces: list[str], codec: str) -> Iterator[tuple[int, str]]:
    """Every piece with its offset in octets."""
    position = offset = 0
    for piece in pieces:
        found = position if text.startswith(piece, position) else text.find(piece, position)
        offset += len(text[position:found].encode(codec))
        yield offset, piece
        position = found + len(piece)
        offset += len(piece.encode(codec))


def sent(header: Header) -> Sequence[str]:
    """Raw values for ``headers``: NUL dropped, octets that are no UTF-8 replaced (RFC 8621 section 4.1.2.1)."""
    values = header.values
    if header.codec == "latin-1":
        values = [value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace") for value in values]
    return values


_NO_HINT: Final = frozenset({None, "us-ascii", "utf-8"})


def tells(label: str | None) -> bool:
    """Whether a charset that is declared somewhere tells what raw octets are that are no UTF-8."""
    return charsets.codec(label) not in _NO_HINT


def _looks(values: list[str]) -> str | None:
    raw = [value.encode("latin-1") for value in values if not value.isascii()]
    return charsets.detected(b"\n".join([octets for octets in raw if not _is_utf_8(octets)]))


def _is_utf_8(octets: bytes) -> bool:
    """Also when it was cut inside a character."""
    try:
        codecs.utf_8_decode(octets, "strict", False)
    except UnicodeDecodeError:
        return False
    return True


def readable(value: str, codec: str, hint: str | None) -> str:
    """``value`` with raw octets decoded: ISO-2022 by its escapes, UTF-8, else by the charset of the message or a guess.

    This comes before a list is split: an ISO-2022 character may hold any ASCII octet and stands for none.
    """
    if codec != "latin-1" or value.isascii():
        return charsets.decode(value.encode()).value if "\x1b" in value and "\x1b$" in value else value
    octets = value.encode("latin-1")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        labels = (hint, words.label(value))
        label = next((label for label in labels if tells(label)), None)
        return charsets.decode(octets, label).value


def text(header: Header, key: str, hint: str | None = None) -> str | None:
    """The first field of that name as text for people; None when absent."""
    value = header.first.get(key)
    return None if value is None else words.text(readable(value, header.codec, hint))
