"""Which parts are the body (RFC 8621 section 4.1.4): the algorithm of the standard, with a stack for its recursion."""

from typing import Final

from services.parser.mime.tree import Part

_MEDIA: Final = ("image/", "audio/", "video/")


class Choice:
    """Leaves of the text body, of the HTML body, and all others."""

    def __init__(self, text: list[Part], html: list[Part], attachments: list[Part]) -> None:
        self.text = text
        self.html = html
        self.attachments = attachments


class _Level:
    """One multipart on the way; a list is None where the alternative around it has closed it."""

    def __init__(
        self,
        parts: list[Part],
        kind: str,
        text: list[Part] | None,
        html: list[Part] | None,
        *,
        in_alternative: bool = False,
        root: int = 0,
    ) -> None:
        self.parts = parts
        self.kind = kind
        self.text = text
        self.html = html
        self.in_alternative = in_alternative
        self.root = root
        self.index = 0
        self.text_before = len(text) if text is not None else -1
        self.html_before = len(html) if html is not None else -1


def choose(root: Part) -> Choice:
    """The three lists of leaves, in order."""
    if root.children is None:
        return _single(root)
    chosen = Choice([], [], [])
    levels = [_Level([root], "mixed", chosen.text, chosen.html)]
    while levels:
        level = levels[-1]
        if level.index == len(level.parts):
            _even_out(level)
            levels.pop()
            continue
        part = level.parts[level.index]
        level.index += 1
        if part.children is not None:
            kind = part.content.type[10:]
            inside = level.in_alternative or kind == "alternative"
            opened = _Level(part.children, kind, level.text, level.html, in_alternative=inside, root=_root(part))
            levels.append(opened)
        elif _is_inline(part, level):
            _inline(part, level, chosen.attachments)
        else:
            chosen.attachments.append(part)
    return chosen


def _single(part: Part) -> Choice:
    kind = part.content.type
    shown = kind in {"text/plain", "text/html"} or kind.startswith(_MEDIA)
    if shown and part.content.disposition != "attachment":
        return Choice([part], [part], [])
    return Choice([], [], [part])


def _root(part: Part) -> int:
    """The root of a multipart/related: the child that it names (RFC 2387 section 3.2), else the first."""
    start = part.content.params.get("start")
    if start is None or part.content.type != "multipart/related":
        return 0
    cid = start.strip("<> ")
    return next((number for number, child in enumerate(part.children or ()) if child.content.cid == cid), 0)


def _is_inline(part: Part, level: _Level) -> bool:
    kind, first = part.content.type, level.index - 1 == level.root
    media = kind.startswith(_MEDIA)
    if part.content.disposition == "attachment" or not (media or kind in {"text/plain", "text/html"}):
        return False
    return first or (level.kind != "related" and (media or not part.content.name))


def _inline(part: Part, level: _Level, attachments: list[Part]) -> None:
    kind = part.content.type
    if level.kind == "alternative":
        if kind == "text/plain" and level.text is not None:
            level.text.append(part)
        elif kind == "text/html" and level.html is not None:
            level.html.append(part)
        else:
            attachments.append(part)
        return
    if level.in_alternative:
        level.html = None if kind == "text/plain" else level.html
        level.text = None if kind == "text/html" else level.text
    if level.text is not None:
        level.text.append(part)
    if level.html is not None:
        level.html.append(part)
    closed = (level.text is None) + (level.html is None)
    if closed == 2 or (closed and kind.startswith(_MEDIA)):  # the standard drops a text that both have closed to
        attachments.append(part)


def _even_out(level: _Level) -> None:
    """An alternative with only one kind of text gives that to both bodies."""
    if level.kind != "alternative" or level.text is None or level.html is None:
        return
    more_text = level.text[level.text_before :]
    more_html = level.html[level.html_before :]
    if more_html and not more_text:
        level.text.extend(more_html)
    elif more_text and not more_html:
        level.html.extend(more_text)
