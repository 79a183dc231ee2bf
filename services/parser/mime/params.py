"""Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231), as senders make them."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from services.parser.mime import words

_MAX: Final = 100
_LONG: Final = 256 * 1024
_CACHED: Final = 256
_USUAL: Final = re.compile(
    r"\s*+([\w!#$&^.+/-]+)\s*+(?:;\s*+[\w-]++\s*+=\s*+(?:\"[^\"\\]*+\"|[^\s\";()\\=?%'*,<>]++)\s*+)*;?\s*+"
)
_PAIR: Final = re.compile(r";\s*([\w-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))")
_VALUE: Final = re.compile(r"\s*+([^\s,=]++)[\s,]++(?=[\w*-]++\s*+=)")
_PIECE: Final = re.compile(r"([^*]+?)(?:\*(\d{1,9}))?(\*)?")


class Value:
    """The value before the first semicolon in lower case, and the parameters by lower-case name.

    Never changed, as caches give it to many.
    """

    def __init__(
        self,
        main: str,
        params: dict[str, str],
        defects: tuple[str, ...] = (),
        extended: frozenset[str] = frozenset(),
    ) -> None:
        self.main: Final = main
        self.params: Final = params
        self.defects: Final = defects
        self.extended: Final = extended
        """Names that came in RFC 2231 form, which goes before the plain one."""


EMPTY: Final = Value("", {})


def parse(value: str, limit: int = _MAX) -> Value:
    """A structured value. Comments are dropped; unbalanced quotes, blanks and raw octets are kept as sent."""
    if len(value) <= _CACHED:
        return _cached(value, limit)
    return _parse(value[:_LONG], limit)


def _parse(value: str, limit: int) -> Value:
    usual = _USUAL.fullmatch(value)
    if usual:
        pairs: list[tuple[str, str, str]] = _PAIR.findall(value, usual.end(1))
        if len(pairs) <= limit and "=?" not in value:
            named = {name.lower(): _said(name.lower(), quoted or bare) for name, quoted, bare in reversed(pairs)}
            defects = () if len(named) == len(pairs) else ("params.repeated",)
            return Value(usual[1].lower(), named, defects)
    return _lenient(value, limit)


_cached: Final = lru_cache(maxsize=1024)(_parse)


def _said(name: str, value: str) -> str:
    """A value as text; a boundary stays as sent, as octets are compared with it."""
    return words.unfold(value) if name == "boundary" else words.line(value)


def _lenient(value: str, limit: int) -> Value:
    main, *rest = _segments(words.unfold(uncommented(value)))
    if "=" in main:
        main, *rest = *_unseparated(main), *rest
    defects: list[str] = []
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, segment in enumerate(rest):
        if count >= limit:
            defects.append("limit.parameters")
            break
        name, equals, content = segment.partition("=")
        if not equals:
            if segment.strip():
                defects.append("params.damaged")
            continue
        _keep(name.strip().lower(), _unquoted(content.strip(), defects), plain, pieces, defects)
    extended = {name: _combined(parts) for name, parts in pieces.items()}
    decoded = {name: text if name == "boundary" else words.clean(words.decode(text)) for name, text in plain.items()}
    defects.extend("params.continuation-gap" for name, parts in pieces.items() if len(parts) > max(_run(parts), 1))
    known = {name: words.clean(text) for name, text in extended.items() if text}
    return Value(_main(main), decoded | known, tuple(dict.fromkeys(defects)), frozenset(known))


def _unseparated(value: str) -> tuple[str, str]:
    """The value and a parameter that no semicolon parts from it; an empty value when there is only a parameter."""
    found = _VALUE.match(value)
    return (found[1], value[found.end() :]) if found else ("", value)


def _main(value: str) -> str:
    return re.split(r"[\s,=]", value.strip().strip("\"'"), maxsplit=1)[0].lower()


def _keep(
    name: str, content: str, plain: dict[str, str], pieces: dict[str, dict[int, tuple[str, bool]]], defects: list[str]
) -> None:
    match = _PIECE.fullmatch(name)
    if match is None or (match[2] is None and match[3] is None):
        if name in plain:
            defects.append("params.repeated")
        else:
            plain[name] = content
        return
    number = int(match[2]) if match[2] else 0
    pieces.setdefault(match[1], {}).setdefault(number, (content, bool(match[3])))


def _run(parts: dict[int, tuple[str, bool]]) -> int:
    """Pieces without a gap from the lowest number, which is 0 or, for some senders, 1."""
    first = 0 if 0 in parts else 1
    count = first
    while count in parts:
        count += 1
    return count - first


def _combined(parts: dict[int, tuple[str, bool]]) -> str | None:
    """RFC 2231 section 3: pieces by number up to the first gap, decoded as one."""
    run = _run(parts)
    if not run:
        return None
    first = 0 if 0 in parts else 1
    pieces = [parts[number] for number in range(first, first + run)]
    if not any(encoded for _, encoded in pieces):
        return words.decode("".join(content for content, _ in pieces))
    charset, head = _charset(pieces[0])
    rest = [content if encoded else content.replace("%", "%25") for content, encoded in pieces[1:]]
    return words.percent_decoded("".join([head, *rest]), charset)


def _charset(piece: tuple[str, bool]) -> tuple[str | None, str]:
    content, encoded = piece
    if not encoded:
        return None, content.replace("%", "%25")
    charset, quote, rest = content.partition("'")
    _, second, text = rest.partition("'")
    if not quote or not second:
        return None, content
    return charset or None, text


def _unquoted(content: str, defects: list[str]) -> str:
    if not content.startswith('"'):
        return content
    body = content[1:]
    if not body.endswith('"') or (body.endswith('\\"') and not body.endswith('\\\\"')):
        defects.append("params.unbalanced-quote")
        return re.sub(r"\\(.)", r"\1", body.partition('"')[0])
    return re.sub(r"\\([\"\\])", r"\1", body[:-1])


def _segments(value: str) -> list[str]:
    """``value`` cut at semicolons outside quotes; an unbalanced quote ends at the next semicolon."""
    if '"' not in value:
        return value.split(";")
    return list(_cut(value))


_QUOTED: Final = re.compile(r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*\"|\\[\"\\]|[;\"]", re.DOTALL)


def _cut(value: str) -> Iterator[str]:
    start = 0
    for match in _QUOTED.finditer(value):
        if match[0] == ";":
            yield value[start : match.start()]
            start = match.end()
    yield value[start:]


_TEXT: Final = re.compile(r"\s*+[^\s;]")
_COMMENT: Final = re.compile(r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*\"|\\.|[()]", re.DOTALL)


def uncommented(value: str) -> str:
    """Without RFC 5322 comments; brackets that do not balance are text (and file names have them)."""
    if "(" not in value:
        return value
    kept: list[str] = []
    depth, start, opened = 0, 0, 0
    values = value.find("=")
    for match in _COMMENT.finditer(value):
        if match[0] == "(":
            depth += 1
            if depth == 1 and _in_value(value, match.start()):
                depth = 0
            elif depth == 1:
                kept.append(value[start : match.start()])
                opened = match.start()
        elif match[0] == ")" and depth:
            depth -= 1
            if depth == 0:
                inside = 0 <= values < opened and _inside_value(value, opened, match.end())
                start = opened if inside else match.end()
    return "".join(kept) + value[start if depth == 0 else opened :]


def _inside_value(value: str, opened: int, end: int) -> bool:
    """True for brackets with an unquoted value on both sides: ``name=report (1).pdf``."""
    return value[opened - 1] == " " and value[opened - 2] not in ' ;="' and _TEXT.match(value, end) is not None


def _in_value(value: str, position: int) -> bool:
    """True for a bracket glued to an unquoted value: ``name=report(1).pdf`` is a file name, not a comment."""
    return position > 0 and value[position - 1] not in ' \t\r\n;="'
