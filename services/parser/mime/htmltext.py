"""HTML to text for people and classifiers: what a reader sees, without a document tree.

A tokenizer of its own: a tree builder costs quadratic time on input that mail can hold (lexbor: 85 s for 200,000 open
elements in 1 MB, 36 s for 100,000 attributes of one element). No alternative below looks past the next ``<``, or else
it consumes the rest, so that this one is linear.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Final

_LINE, _PARAGRAPH, _CELL = "\x1e", "\x1d", "\x1f"
_OPEN, _CLOSE = "\x11", "\x12"
_TOKEN: Final = re.compile(
    r"<(?:(?=[stni][cteiof])(?P<raw>script|style|title|template|noembed|noframes|iframe)(?=[\s/>])[^<>]*+>"
    r"(?s:.*?)(?:</(?P=raw)(?=[\s/>])[^<>]*+>?|\Z)"
    r"|(?P<name>/?[a-z][^\s/<>]*+)"
    r"(?:>|(?P<attrs>(?:[^<>=]++|=\s*+(?:\"[^\"<]*+\"|'[^'<]*+')?)*)>?)"
    r"|!--(?s:.*?)(?:--!?>|\Z)"
    r"|[!?/][^<>]*+>?)",
    re.IGNORECASE,
)
_GROUPS: Final = 3
_HREF: Final = re.compile(r"""\bhref\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE)
_ALT: Final = re.compile(r"""\balt\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE)
_HIDDEN: Final = re.compile(
    r"(?:^|\s)hidden(?=[\s/=]|$)|display\s*+:\s*+none|visibility\s*+:\s*+hidden|opacity\s*+:\s*+0(?:\.0*+)?(?![.\d])",
    re.IGNORECASE,
)
_FOLDED: Final = re.compile(r"max-height\s*+:\s*+0(?:px)?(?![.\d])", re.IGNORECASE)
_OVERFLOW: Final = re.compile(r"overflow\s*+:\s*+hidden", re.IGNORECASE)
_META: Final = re.compile(rb"<meta\s[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_META_WITHIN: Final = 4096
_WIDE: Final = re.compile(r"utf-?16|unicode", re.IGNORECASE)
_LONG_NUMBER: Final = re.compile(r"&#\d{1000,}+;?")
_MANY_LINES: Final = re.compile(r"\n{3,}")
_UNSEEN: Final = dict.fromkeys(map(ord, "\0\x11\x12\x1d\x1e\x1f\u00ad\u034f\u200b\ufeff"))
_UNSEEN_BUT_LINKS: Final = "\0\x1d\x1e\x1f\u00ad\u034f\u200b\ufeff"
_UNSEEN_RAW: Final = _UNSEEN_BUT_LINKS + "\x11\x12"

_LINE_TAGS: Final = (
    "address|article|aside|body|br|caption|center|dd|details|div|dl|dt|fieldset|figure|footer|form|header|hr|html|legend"
    "|li|main|nav|option|section|summary|table|tbody|tfoot|thead|tr"
)
_PARAGRAPH_TAGS: Final = "blockquote|h1|h2|h3|h4|h5|h6|ol|p|pre|ul"
_INLINE_TAGS: Final = "b|i|u|span|font|strong|em|small|head|td|th"
_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_ENDS_ITSELF: Final = frozenset({"p", "li", "dt", "dd", "option"})
_SCHEMES: Final = ("http://", "https://", "mailto:", "ftp://")
_LONGEST_LINK: Final = 2_000
_MOST_LINKS: Final = 1_000


def _marks() -> dict[str | None, str]:
    marks: dict[str | None, str] = {None: ""}
    for tags, mark in (
        (_INLINE_TAGS, ""),
        (_LINE_TAGS, _LINE),
        (_PARAGRAPH_TAGS, _PARAGRAPH),
    ):
        for tag in tags.split("|"):
            marks |= {tag: mark, f"/{tag}": mark, tag.upper(): mark, f"/{tag.upper()}": mark}
    marks |= dict.fromkeys(["/td", "/th", "/TD", "/TH"], _CELL)
    for tag in ("pre", "/pre", "PRE", "/PRE"):
        del marks[tag]
    return marks


_MARKS: Final = _marks()


@dataclass(frozen=True, slots=True)
class HtmlText:
    """Text as read, the targets of its links in order (no repeats, at most 1,000), and whether input was cut."""

    text: str
    links: tuple[str, ...]
    truncated: bool


def charset_of(page: bytes) -> str | None:
    """The charset that a page declares itself; never UTF-16, in which the declaration could not be read.

    Programs that write a page from wide strings leave ``utf-16`` or ``unicode`` in it whatever they send then.
    """
    found = _META.search(page, 0, _META_WITHIN)
    if found is None:
        return None
    label = found[1].decode("ascii")
    return "utf-8" if _WIDE.match(label) else label


def text_of(html: str, *, limit: int = 5 << 20) -> HtmlText:
    """What a reader sees of ``html``; of more than ``limit`` characters only the first ones are read.

    Scripts, styles, title, comments and hidden elements are dropped, blocks end lines, table cells are parted by tabs,
    the target of a link follows its label in angle brackets. Never raises; linear.
    """
    read = _without(html[:limit], _UNSEEN_RAW)
    reader = _Reader(hides=_may_hide(read))
    pieces = _TOKEN.split(read)
    reader.read(pieces)
    return HtmlText(_laid_out("".join(reader.out)), tuple(reader.links)[:_MOST_LINKS], len(html) > limit)


def _may_hide(html: str) -> bool:
    lower = html.lower()
    return "hidden" in lower or "opacity" in lower or ("display" in lower and "none" in lower)


class _Reader:
    """The state of one reading: what is hidden, preformatted or a link at this point."""

    def __init__(self, *, hides: bool) -> None:
        self.out: list[str] = []
        self.links: dict[str, None] = {}
        self._hides = hides
        self._hidden = ""
        self._depth = 0
        self._pre = 0
        self._target = ""
        self._label = 0

    def read(self, pieces: Sequence[str | None]) -> None:
        """Pieces as ``_TOKEN.split`` gives them: text, raw element, tag name, attributes, text, ..."""
        stride = _GROUPS + 1
        append = self.out.append
        names, ends = [*pieces[2::stride], None], [*pieces[_GROUPS::stride], None]
        for text, name, attrs in zip(pieces[::stride], names, ends, strict=True):
            if text and not self._hidden:
                append(self._preformatted(text) if self._pre else text)
            mark = _MARKS.get(name) if name else None
            if mark is None or self._hidden or (self._hides and attrs):
                self._tag((name or "").lower(), attrs or "")
            elif mark:
                append(mark)

    def _preformatted(self, text: str) -> str:
        return text.replace("\r\n", "\n").replace("\n", _LINE).replace(" ", "\xa0").replace("\t", "\xa0")

    def _tag(self, name: str, attrs: str) -> None:
        if self._hidden:
            self._skip(name, attrs)
            if self._hidden:
                return
        if attrs and name[:1] != "/" and name not in _VOID and self._hides and _is_hidden(attrs):
            self._hidden, self._depth = name, 1
        elif name in {"a", "/a"}:
            self._link(name, attrs)
        elif name in {"pre", "/pre"}:
            self._pre = max(0, self._pre + (1 if name == "pre" else -1))
            self.out.append(_PARAGRAPH)
        elif name == "img":
            self.out.append(_value(_ALT, attrs))
        else:
            self.out.append(_MARKS.get(name, ""))

    def _skip(self, name: str, attrs: str) -> None:
        """Inside a hidden element: nothing is seen until it ends."""
        if name == f"/{self._hidden}":
            self._depth -= 1
        elif name == self._hidden:
            self._depth += 0 if attrs.endswith("/") else 1
            self._depth = 0 if name in _ENDS_ITSELF else self._depth
        if self._depth == 0:
            self._hidden = ""

    def _link(self, name: str, attrs: str) -> None:
        if self._target:
            if self._target.removeprefix("mailto:") not in "".join(self.out[self._label :]):
                self.out.append(f" {_OPEN}{self._target.replace('&', '&amp;')}{_CLOSE}")
            self._target = ""
        if name == "/a":
            return
        target = _value(_HREF, attrs).strip()
        if "&" in target:
            target = unescaped(target).translate(_UNSEEN)
        if target[:8].lower().startswith(_SCHEMES) and len(target) <= _LONGEST_LINK:
            self.links.setdefault(target)
            self._target, self._label = target, len(self.out)


def _is_hidden(attrs: str) -> bool:
    return bool(_HIDDEN.search(attrs) or (_FOLDED.search(attrs) and _OVERFLOW.search(attrs)))


def _value(pattern: re.Pattern[str], attrs: str) -> str:
    found = pattern.search(attrs)
    return found[found.lastindex] if found and found.lastindex else ""


def unescaped(text: str) -> str:
    """Character references resolved; a number with more digits than Python converts is none."""
    try:
        return unescape(text)
    except ValueError:
        return unescape(_LONG_NUMBER.sub("\ufffd", text))


def _laid_out(text: str) -> str:
    """Blanks as one, marks as line ends and tabs, entities resolved."""
    text = b" ".join(text.encode("utf-8", "replace").split()).decode()
    for mark in (_LINE, _PARAGRAPH, _CELL):
        text = text.replace(f" {mark}", mark).replace(f"{mark} ", mark)
    text = _lines(text).replace(f"{_CELL}\n", "\n").replace(_CELL, "\t")
    if "&" in text:
        text = _without(unescaped(text), _UNSEEN_BUT_LINKS)
    text = text.replace(_OPEN, "<").replace(_CLOSE, ">")
    if "\xa0" in text or "\r" in text:
        text = "\n".join([line.rstrip() for line in text.replace("\xa0", " ").splitlines()])
    if "\n\n\n" in text:
        text = _MANY_LINES.sub("\n\n", text)
    return text.strip("\n").rstrip()


def _without(text: str, unseen: str) -> str:
    """``text`` without characters that hardly ever occur: each is searched for at the speed of memory."""
    for character in unseen:
        if character in text:
            text = text.replace(character, "")
    return text


def _lines(text: str) -> str:
    """Runs of marks as one line end, or two where a paragraph ends; every pass at least halves the longest run."""
    for run, short in ((_LINE + _LINE, _LINE), (_LINE + _PARAGRAPH, _PARAGRAPH)):
        while run in text:
            text = text.replace(run, short)
    for run in (_PARAGRAPH + _LINE, _PARAGRAPH + _PARAGRAPH):
        while run in text:
            text = text.replace(run, _PARAGRAPH)
    return text.replace(_PARAGRAPH, "\n\n").replace(_LINE, "\n")
