"""A few messages of a folder, remembered, to tell the folder from another one that took its name and numbers. Pure."""

import hashlib
import re
from collections.abc import Iterable, Mapping

LOWEST, NEWEST = 5, 15
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")


def mark(raw: bytes, sha256: str) -> str:
    """What is remembered of a message: SHA-256 of its bytes, and a short hash of its header."""
    return f"{sha256}.{header_hash(raw)}"


def mark_by_head(head: bytes, sha256: str) -> str:
    """As ``mark``, by the beginning of a message; the SHA-256 alone where the header goes on behind it."""
    return mark(head, sha256) if _EMPTY_LINE.search(head.lstrip(b"\r\n")) else sha256


def by_header(known: Mapping[str, str]) -> Mapping[str, str]:
    """Those that a header is enough to tell, so that no message is fetched for it; all where there is none."""
    return {uid: text for uid, text in known.items() if "." in text} or known


def header_hash(raw: bytes) -> str:
    """Hash of the header block, line ends aside: the same for the whole message and for its header alone."""
    raw = raw.lstrip(b"\r\n")
    end = _EMPTY_LINE.search(raw)
    head = raw[: end.start() if end else None].replace(b"\r\n", b"\n").rstrip(b"\n")
    return hashlib.sha256(head).hexdigest()[:16]


def same_header(known: str, header: bytes) -> bool:
    """Whether a header belongs to the remembered message."""
    return known.partition(".")[2] == header_hash(header)


def content_hash(known: str) -> str:
    """SHA-256 of the remembered message."""
    return known.partition(".")[0]


def same_content(known: str, sha256: str) -> bool:
    """Whether the bytes are those of the remembered message."""
    return content_hash(known) == sha256


def keep(known: Mapping[str, str], new: Mapping[int, str]) -> dict[str, str]:
    """The lowest few UIDs (a folder made anew begins there) and the newest ones, as text keys."""
    everything = {int(uid): text for uid, text in known.items()} | dict(new)
    return {str(uid): everything[uid] for uid in outermost(everything)}


def outermost(uids: Iterable[int]) -> list[int]:
    """The UIDs of which ``keep`` may keep something, however many others there are."""
    ordered = sorted(uids)
    return ordered if len(ordered) <= LOWEST + NEWEST else ordered[:LOWEST] + ordered[-NEWEST:]
