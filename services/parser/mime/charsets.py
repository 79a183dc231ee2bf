"""Octets to text: labels by the WHATWG Encoding Standard, lying labels found out, detection last.

The result is always valid Unicode. The order of trust: byte order mark, label, UTF-8, ISO-2022 escapes, detector,
windows-1252.
"""

import codecs
import encodings
import encodings.aliases
import pkgutil
import re
from functools import lru_cache
from typing import Final

import chardetng_py

from services.common.message.charset_labels import BARE, MULTI_BYTE, NOT_TEXT, STATEFUL, WHATWG, bare
from services.parser.mime import chinese, codepages, japanese

_SAMPLE: Final = 16 * 1024
_DETECTABLE: Final = 16
_LONGEST_LABEL: Final = 80
_NUMBERED: Final = re.compile(r"(?:x?(?:cp|windows|mswin|win|ms|ansi)|ibm|dos|codepage)?(\d{3,5})")
"""A code page by its number, whatever stands in front of it."""
_ISO_2022: Final = (
    (b"\x1b$)C", "iso2022_kr"),
    (b"\x1b$)A", "iso-2022-cn"),
    (b"\x1b$B", "iso2022_jp_ext"),
    (b"\x1b$@", "iso2022_jp_ext"),
    (b"\x1b(J", "iso2022_jp_ext"),
)
_CHINESE: Final = {"iso-2022-cn": chinese.iso_2022, "hz": chinese.hz}
_ESCAPE: Final = 0x1B
"""As a number, here and elsewhere: asked for octets, ``in`` makes an exception first and drops it."""
_NON_ASCII: Final = bytes(range(128, 256))
_WIDE: Final = frozenset({"utf-16", "utf-16-le", "utf-16-be"})
_LONGEST_ALIKE: Final = 32
"""Octets of a text that may be valid both in UTF-8 and, without a line end or blank, in UTF-16."""
_SAYS_NOTHING: Final = frozenset({None, "us-ascii"})
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PYTHON: Final = frozenset(encodings.aliases.aliases) | {
    module.name for module in pkgutil.iter_modules(encodings.__path__)
}
"""Where Python has a codec: it looks for any other name in its files, each time, and keeps every name for ever."""
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


class Text:
    """Decoded text, the codec that made it, and how sure that is."""

    def __init__(self, value: str, used: str, replacements: int = 0, defect: str | None = None) -> None:
        self.value: Final = value
        self.used: Final = used
        self.replacements: Final = replacements
        self.defect: Final = defect


@lru_cache(maxsize=1024)
def _codec(label: str) -> str | None:
    name = label.strip(" \t\r\n\"'<>;,").lower()
    known = WHATWG.get(name) or _mended(name)
    if known is not None:
        return known
    plain = encodings.normalize_encoding(name)
    if plain not in _PYTHON and plain.replace(".", "_") not in _PYTHON:
        return None
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return None if info.name in NOT_TEXT or not info._is_text_encoding else info.name


def _mended(name: str) -> str | None:
    """Labels that senders spell their own way: ``uft-8``, ``x-gb2312``, ``x-mswin-936``, ``utf-8 (something)``."""
    word = bare(re.split(r"[\s;,*(\"']", name, maxsplit=1)[0])
    if word.startswith(("utf8", "uft8", "unicode11utf8")):
        return "utf-8"
    number = _NUMBERED.fullmatch(word)
    if number and (found := WHATWG.get(codepages.label(int(number[1])))):
        return found
    return BARE.get(word) or BARE.get(word.removeprefix("x"))


def codec(label: str | None) -> str | None:
    """The codec for a label, None when there is none that makes text of octets."""
    if not label:
        return None
    return WHATWG.get(label) or (None if len(label) > _LONGEST_LABEL or "\0" in label else _codec(label))


def decode(data: bytes, label: str | None = None, tld: str | None = None) -> Text:
    """Text of ``data``. ``tld`` is the sender's country domain, a hint for the detector."""
    named = codec(label)
    if data.isascii() and named not in STATEFUL:
        if _ESCAPE not in data:
            return Text(data.decode("ascii"), named or "us-ascii", 0, None if named or not label else "charset.unknown")
        if named not in _SAYS_NOTHING and (escaped := _by_escape(data)) is not None:
            return Text(escaped.value, escaped.used, 0, "charset.label-lies")
    return _by_mark(data) or _by_label(data, label, named) or _by_content(data, named, tld)


def says_nothing(label: str | None) -> bool:
    """True for a label that is unknown or us-ascii, which octets beyond ASCII belie."""
    return codec(label) in _SAYS_NOTHING


def _by_mark(data: bytes) -> Text | None:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], name)
    return None


def _order(data: bytes) -> str:
    """UTF-16 without a mark is little-endian (WHATWG), unless the high octets of its ASCII say otherwise."""
    return "utf-16-be" if data[:_SAMPLE:2].count(0) > data[1:_SAMPLE:2].count(0) else "utf-16-le"


def _is_narrow(data: bytes) -> bool:
    """True for ASCII or UTF-8 called UTF-16: without a NUL, which every line end of UTF-16 has, and long enough."""
    long_enough = len(data) > _LONGEST_ALIKE or data.endswith(b"\n")
    return long_enough and 0 not in data and _strict(data, "utf-8") is not None


def _by_label(data: bytes, label: str | None, named: str | None) -> Text | None:
    """What the label says, unless it says nothing (us-ascii) or lies (octets are multi-byte UTF-8)."""
    if named in _SAYS_NOTHING or named is None:
        return None
    if named in _WIDE:
        return None if _is_narrow(data) else _strict(data, _order(data) if named == "utf-16" else named)
    if named == "utf-8" or named in MULTI_BYTE or named in STATEFUL:
        return _strict(data, named)
    if (text := _strict(data, "utf-8")) is not None and text.value.isascii() is False:
        return Text(text.value, "utf-8", 0, "charset.label-lies")
    return _strict(data, named)


def _by_content(data: bytes, named: str | None, tld: str | None) -> Text:
    defect = "charset.unknown" if named is None else "charset.label-lies"
    found = _strict(data, "utf-8") if data.find(b"\x1b$") < 0 else None
    found = found or _by_escape(data) or _strict(data, "utf-8")
    if found is not None:
        return Text(found.value, found.used, 0, defect if named != "utf-8" else None)
    if named in _SAYS_NOTHING and (cut := _cut(data)) is not None:
        return cut
    if named is not None and named != "us-ascii" and (close := _nearly(data, named)) is not None:
        return close
    guess = detected(data, tld)
    if guess is not None and (text := _strict(data, guess)) is not None:
        return Text(text.value, text.used, 0, "charset.detected")
    return _replaced(data, guess or "windows-1252")


def _cut(data: bytes) -> Text | None:
    """UTF-8 that ends inside a character, as a field does that was cut at a number of octets."""
    try:
        value, length = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return None
    return None if value.isascii() or length == len(data) else Text(f"{value}\ufffd", "utf-8", 1, "charset.damaged")


def _by_escape(data: bytes) -> Text | None:
    for mark, name in _ISO_2022:
        if data.find(mark) >= 0 and (text := _strict(data, name)) is not None:
            return text
    return None


def _nearly(data: bytes, named: str) -> Text | None:
    """The label after all, when only a few of the octets do not fit it."""
    text = _replaced(data, named)
    strange = len(data) - len(data.translate(None, _NON_ASCII))
    return text if named in STATEFUL or text.replacements * 8 <= strange or text.replacements == 1 < strange else None


def detected(data: bytes, tld: str | None = None) -> str | None:
    """The codec that octets are in by their look; None where fewer than 16 of them are beyond ASCII."""
    first = next((match.start() for match in re.finditer(rb"[\x80-\xff]", data)), 0)
    sample = data[max(first - 64, 0) : first + _SAMPLE]
    if len(sample) - len(sample.translate(None, _NON_ASCII)) < _DETECTABLE:
        return None
    hint = tld.encode() if tld and tld.isascii() and tld.isalpha() and tld.islower() else None
    return codec(chardetng_py.detect(sample, allow_utf8=False, tld=hint))


def _strict(data: bytes, name: str) -> Text | None:
    if name in {"iso2022_jp", "iso2022_jp_ext"}:
        return _japanese(data)
    if name in _CHINESE:
        value = _CHINESE[name](data)
        return None if value is None else Text(value, name)
    try:
        value = data.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return _by_vendor(data, name)
    return Text(value, name) if name not in STATEFUL else _sound(value, name)


def _by_vendor(data: bytes, name: str) -> Text | None:
    """What Python's codec refuses, with characters of vendors: those of cp932 in EUC-JP, those of cp950 in Big5."""
    if name == "big5hkscs":
        return _strict(data, "cp950")
    value = japanese.euc(data) if name == "euc_jp" else None
    return None if value is None else Text(value, "euc-jp-ms")


def _japanese(data: bytes) -> Text | None:
    for name in ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_3", "iso2022_jp_2004"):
        try:
            return Text(data.decode(name), name)
        except UnicodeError:
            continue
    vendor = japanese.iso_2022(data)
    return None if vendor is None else Text(vendor, "iso-2022-jp-ms")


def _sound(value: str, name: str) -> Text:
    """Without lone surrogates, which UTF-7 can smuggle in."""
    mended, count = _SURROGATE.subn("\ufffd", value)
    return Text(mended, name, count)


def _replaced(data: bytes, name: str) -> Text:
    try:
        value = data.decode(name, "replace")
    except (UnicodeError, LookupError, ValueError):
        name, value = "windows-1252", data.decode("windows-1252", "replace")
    value = _SURROGATE.sub("\ufffd", value)
    count = value.count("\ufffd")
    return Text(value, name, count, "charset.damaged" if count else "charset.guessed")
