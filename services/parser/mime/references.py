"""Which parts an HTML text refers to: ``cid:`` (RFC 2392) and Content-Location (RFC 2557)."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from services.parser.mime import htmltext
from services.parser.mime.tree import Part

_CID: Final = re.compile(r"\"cid:([^\"<>]{1,1000})|'cid:([^'<>]{1,1000})|cid:([^\"'\s<>)]{1,1000})", re.IGNORECASE)
_LINK: Final = re.compile(r"(?:src|href|background|url)\s{0,10}[=(]\s{0,10}[\"']?([^\"'\s<>)]{1,2000})", re.IGNORECASE)


def referenced(parts: Sequence[Part], pages: Sequence[str]) -> set[str]:
    """Paths of those ``parts`` that one of the ``pages`` shows."""
    cids = {_target("".join(found)) for page in pages for found in _CID.findall(page)}
    located = any(part.content.location for part in parts)
    links = {_target(found) for page in pages for found in _LINK.findall(page)} if located else set()
    return {
        part.path
        for part in parts
        if (part.content.cid is not None and part.content.cid in cids)
        or (part.content.location is not None and unquote(part.content.location) in links)
    }


def _target(text: str) -> str:
    """What an attribute of HTML refers to, without character references and percent escapes."""
    return unquote(htmltext.unescaped(text) if "&" in text else text).strip()
