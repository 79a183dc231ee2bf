"""RTF to the text that a reader sees, or to the HTML that Outlook wrapped in it (MS-OXRTFEX)."""

import re
from dataclasses import dataclass, replace

from services.parser.mime import charsets, codepages

_TOKEN = re.compile(r"\\([a-zA-Z]{1,32})(-?\d{1,9})?[ ]?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)", re.DOTALL)
_UNSEEN = frozenset(
    {"fonttbl", "colortbl", "stylesheet", "listtable", "listoverridetable", "rsidtbl", "themedata", "generator", "info"}
    | {"header", "headerl", "headerr", "footer", "footerl", "footerr", "footnote", "pict", "object", "fldinst"}
    | {"mhtmltag", "xmlnstbl"}
)
_WORDS = {"par": "\n", "line": "\n", "row": "\n", "sect": "\n", "page": "\n", "tab": "\t", "cell": "\t"}
_WORDS |= {
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "endash": "–",
    "emdash": "—",
}
_SIGNS = {"~": "\xa0", "_": "-", "\n": "\n", "\r": "\n"}
_OF_FONTS = {128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256}
_OF_FONTS |= {186: 1257, 204: 1251, 222: 874, 238: 1250}
"""The code page of a font's character set; other sets are in the code page of the text."""
_FONT_WORDS = frozenset({"f", "fcharset", "plain"})
_DEEPEST = 1_000
_MOST_FONTS = 1_000


@dataclass(frozen=True, slots=True)
class Group:
    """What holds inside one pair of braces; ``fallback`` counts the characters that stand in for a Unicode one."""

    unseen: bool = False
    for_rtf: bool = False
    fallback: int = 1
    label: str | None = None
    """The charset of the font, None for that of the text."""


@dataclass(frozen=True, slots=True)
class RtfText:
    """The text, and whether it is HTML."""

    value: str
    html: bool


def read(data: bytes) -> RtfText:
    """The text of RTF octets. Never raises; linear; braces deeper than 1,000 are not looked into."""
    reader = _Reader()
    for found in _TOKEN.finditer(data.decode("latin-1")):
        word, number, octet, sign, brace, text = found.groups()
        if word:
            reader.word(word, None if number is None else int(number))
        elif brace:
            reader.brace(brace)
        elif sign:
            reader.sign(sign)
        else:
            reader.octets(bytes([int(octet, 16)]) if octet else text.encode("latin-1"))
    return RtfText(reader.text(), reader.html)


class _Reader:
    def __init__(self) -> None:
        self.html = False
        self._out: list[str] = []
        self._held = bytearray()
        self._label = "windows-1252"
        self._font = 0
        self._fonts: dict[int, str] = {}
        self._group = Group()
        self._stack: list[Group] = []
        self._skip = 0

    def word(self, name: str, number: int | None) -> None:
        """A control word with its number."""
        if name == "u":
            self._put(chr((number or 0) & 0xFFFF))
            self._skip = self._group.fallback
        elif name == "uc":
            self._group = replace(self._group, fallback=max(0, min(number or 0, 100)))
        elif name == "ansicpg":
            self._label = codepages.label(number or 0)
        elif name in _FONT_WORDS:
            self._font_word(name, number)
        elif name == "fromhtml":
            self.html = True
        elif name == "htmlrtf":
            self._group = replace(self._group, for_rtf=self.html and number != 0)
        elif name == "htmltag":
            self._group = replace(self._group, unseen=not self.html)
        elif name in _UNSEEN:
            self._hide()
        elif name in _WORDS:
            self._put(_WORDS[name])

    def _font_word(self, name: str, number: int | None) -> None:
        """Which font follows, or, in the table of fonts, which characters it has."""
        if name == "fcharset":
            if number in _OF_FONTS and len(self._fonts) < _MOST_FONTS:
                self._fonts[self._font] = codepages.label(_OF_FONTS[number])
            return
        self._font = number or 0
        label = None if name == "plain" else self._fonts.get(self._font)
        self._enter(replace(self._group, label=label))

    def brace(self, brace: str) -> None:
        """A group starts or ends."""
        if brace == "{":
            self._stack.append(self._group)
            if len(self._stack) > _DEEPEST:
                self._hide()
        elif self._stack:
            self._enter(self._stack.pop())

    def _enter(self, group: Group) -> None:
        if group.label != self._group.label:
            self._flush()
        self._group = group

    def sign(self, sign: str) -> None:
        """A control symbol; a star says that readers who do not know the group pass over it."""
        if sign == "*":
            self._hide()
        elif sign in "\\{}":
            self.octets(sign.encode())
        elif sign in _SIGNS:
            self._put(_SIGNS[sign])

    def _hide(self) -> None:
        if not self._group.unseen:
            self._group = replace(self._group, unseen=True)

    def octets(self, octets: bytes) -> None:
        """Text in the code page, without what stands in for a Unicode character."""
        skipped = min(self._skip, len(octets))
        self._skip -= skipped
        if not (self._group.unseen or self._group.for_rtf):
            self._held += octets[skipped:]

    def _put(self, text: str) -> None:
        if not (self._group.unseen or self._group.for_rtf):
            self._flush()
            self._out.append(text)

    def _flush(self) -> None:
        if self._held:
            self._out.append(charsets.decode(bytes(self._held), self._group.label or self._label).value)
            self._held.clear()

    def text(self) -> str:
        """Everything, with the halves of characters beyond the first plane joined."""
        self._flush()
        joined = "".join(self._out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return joined.replace("\0", "").strip("\n")
