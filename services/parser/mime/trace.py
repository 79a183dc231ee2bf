"""Mailing-list fields (RFC 2369, RFC 2919, RFC 8058) and Authentication-Results (RFC 8601)."""

import re
from functools import lru_cache
from typing import Final

from services.common.email import AuthenticationResult, ListFacts
from services.parser.mime import words
from services.parser.mime.fields import Header

_LIST_FIELDS: Final = frozenset({"list-id", "list-unsubscribe", "list-post", "list-archive"})
_ORDER: Final = ("list-id", "list-unsubscribe", "list-unsubscribe-post", "list-post", "list-archive")
_SHORT: Final = 1_024
_ANGLE: Final = re.compile(r"<([^<>]*)>")
_BLANKS: Final = re.compile(r"\s+")
_TOKEN: Final = re.compile(r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*\"|\\.|[();]|[^\"\\();]+|.", re.DOTALL)
_MOST: Final = 100
_LONG: Final = 64 * 1024


def mailing_list(header: Header) -> ListFacts | None:
    """The list that the message came through, None without list fields."""
    first = header.first
    if _LIST_FIELDS.isdisjoint(first):
        return None
    values = tuple([first.get(key) for key in _ORDER])
    return _cached(*values) if sum([len(value) for value in values if value]) <= _SHORT else _list(*values)


def _list(
    list_id: str | None, unsubscribe: str | None, one_click: str | None, post: str | None, archive: str | None
) -> ListFacts:
    return ListFacts(
        id=_list_id(list_id),
        unsubscribe=_links(unsubscribe),
        unsubscribe_one_click="list-unsubscribe=one-click" in _joined(one_click or "").lower(),
        post=_link(post),
        archive=_link(archive),
    )


_cached: Final = lru_cache(maxsize=1024)(_list)


def _joined(value: str) -> str:
    return words.clean(_BLANKS.sub("", value))


def _list_id(raw: str | None) -> str | None:
    if raw is None:
        return None
    found = _ANGLE.findall(raw)
    return _joined(found[-1]) if found else words.text(raw) or None


def _links(raw: str | None) -> tuple[str, ...]:
    return tuple(_joined(link) for link in _ANGLE.findall(raw)[:_MOST]) if raw else ()


def _link(raw: str | None) -> str | None:
    if raw is None:
        return None
    links = _links(raw)
    return links[0] if links else words.text(raw) or None


def authentication(header: Header) -> tuple[AuthenticationResult, ...]:
    """All Authentication-Results fields, newest (topmost) first."""
    if "authentication-results" not in header.first:
        return ()
    return tuple(_result(value[:_LONG]) for value in header.all("authentication-results")[:_MOST])


def _result(raw: str) -> AuthenticationResult:
    server, *results = _segments(words.unfold(raw))
    said = tuple(text for item in results if (text := words.clean(" ".join(item.split()))) and text != "none")
    name = server.split()
    return AuthenticationResult(server=words.clean(name[0]) if name else "", results=said)


def _segments(value: str) -> list[str]:
    """``value`` without comments, cut at semicolons outside quotes."""
    segments: list[list[str]] = [[]]
    depth = 0
    for item in _TOKEN.findall(value):
        if item == "(":
            depth += 1
        elif item == ")":
            depth = max(depth - 1, 0)
        elif depth:
            continue
        elif item == ";":
            segments.append([])
        else:
            segments[-1].append(item)
    return ["".join(segment) for segment in segments]
