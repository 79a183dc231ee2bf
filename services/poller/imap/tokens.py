"""Responses as nested values: atoms are ``str`` (latin-1, reversible), strings ``bytes``, NIL None, lists ``list``.

A response is a list of parts: a line, then for each literal the literal and the next line. No recursion, linear.
"""

import re
from collections.abc import Sequence
from typing import TypeAlias

from services.poller.imap.model import Spooled

Part: TypeAlias = bytes | Spooled
Value: TypeAlias = "str | bytes | Spooled | list[Value] | None"

MAX_DEPTH = 32
_TOKEN = re.compile(
    rb' *(?:([()])|"([^"\\]*(?:\\.[^"\\]*)*)"|(BODY(?:\.PEEK)?\[[^\]\r\n]{0,1000}\](?:<\d{1,20}>)?|[^\s()"]+)|$)',
    re.IGNORECASE | re.DOTALL,
)
_AFTER_LITERAL = frozenset({b"", b" ", b")"})
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


class Unparsable(ValueError):
    """A response that does not follow the grammar; the text says which rule, never the content."""


def parse(parts: Sequence[Part], start: int = 0) -> list[Value]:
    """All values of a response from byte ``start`` of its first line. Raises Unparsable."""
    root: list[Value] = []
    stack = [root]
    for index, part in enumerate(parts):
        if index % 2:
            stack[-1].append(part)
        else:
            if index and part[:1] not in _AFTER_LITERAL:  # type: ignore[index]
                raise Unparsable("a literal that ends in the middle of something")
            _line(part, start if index == 0 else 0, index + 1 < len(parts), stack)
    if len(stack) != 1:
        raise Unparsable("unbalanced parentheses")
    return root


def _line(line: Part, start: int, more: bool, stack: list[list[Value]]) -> None:
    assert isinstance(line, bytes)
    end = line.rfind(b"{") if more else len(line)
    if more and line[end - 1 : end] == b"~":
        end -= 1
    position, match = start, _TOKEN.match
    current = stack[-1]
    while position < end:
        found = match(line, position, end)
        if found is None:
            raise Unparsable("unterminated string")
        position = found.end()
        kind = found.lastindex
        if kind == 3:
            word = found[3]
            current.append(None if word in {b"NIL", b"nil", b"Nil"} else word.decode("latin-1"))
        elif kind == 2:
            text = found[2]
            current.append(_ESCAPE.sub(rb"\1", text) if b"\\" in text else text)
        elif kind == 1:
            current = _bracket(found[1] == b"(", stack)


def _bracket(opens: bool, stack: list[list[Value]]) -> list[Value]:
    if opens:
        if len(stack) > MAX_DEPTH:
            raise Unparsable("parentheses too deep")
        inner: list[Value] = []
        stack[-1].append(inner)
        stack.append(inner)
    else:
        if len(stack) == 1:
            raise Unparsable("unbalanced parentheses")
        stack.pop()
    return stack[-1]
