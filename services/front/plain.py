"""Text of strangers on a terminal: no control character may move the cursor or change the colour."""

import re
from collections.abc import Callable

import msgspec

_UNESCAPED = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BREAK = re.compile(r"[\t\n\u2028\u2029]")
# Default_Ignorable_Code_Point and White_Space of Unicode, and the blank patterns of Braille, hieroglyphs and music.
_UNSEEN = re.compile(
    r"(?<![^/.])[ \xa0\xad\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013441\U00013442\U00016fe4\U0001bca0-\U0001bca3"
    r"\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+(?![^/.])"
)


def plain(text: str | None) -> str:
    """The text with control characters and direction overrides shown as a replacement character."""
    return _CONTROL.sub("�", (text or "").replace("\r\n", "\n"))


def line(text: str | None) -> str:
    """The same on one line."""
    return " ".join(plain(text).split())


def named(text: str | None) -> str:
    """A name on one line with its spaces as they are, so that it can be given to a command again.

    Of one that nobody would see, or a part of it between slashes and dots, each character is a replacement character.
    """
    shown = _BREAK.sub("�", plain(text))
    return _UNSEEN.sub(_seen, shown) if shown.strip(" ") else "�" * len(shown)


def _seen(part: re.Match[str]) -> str:
    """Spaces between dots are read as they are."""
    return "�" * len(part[0]) if part[0].strip(" ") else part[0]


def json(value: object, enc_hook: Callable[[object], object] | None = None) -> bytes:
    """JSON in which such characters are escapes: the value is the same, and a terminal does nothing by it.

    Octets, since JSON is UTF-8 wherever it goes (RFC 8259 section 8.1), and standard output is in any encoding.
    """
    return escaped(msgspec.json.encode(value, enc_hook=enc_hook))


def indented(value: object) -> bytes:
    """The same over several lines, for programs and people."""
    return msgspec.json.format(json(value), indent=2)


def escaped(encoded: bytes) -> bytes:
    """The same of JSON that is there. JSON itself escapes those below U+0020 only (RFC 8259 section 7)."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return _UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded.decode()).encode()
