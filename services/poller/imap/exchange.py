"""One command in flight and what came for it."""

from collections import deque
from dataclasses import dataclass, field

from services.poller.imap.responses import Status
from services.poller.imap.tokens import Part


@dataclass(slots=True)
class Exchange:
    """One command and what came for it. ``wants``: upper-case words of the untagged responses it takes."""

    name: str
    tag: bytes
    wants: frozenset[bytes]
    frames: list[list[Part]] = field(default_factory=list)
    prompts: deque[bytes] = field(default_factory=deque)
    queued: int = 0
    items: int = 0
    bytes: int = 0
    tagged: Status | None = None


def weight(parts: list[Part]) -> int:
    """Bytes a waiting response takes, about."""
    size = 200
    for part in parts:
        size += len(part) if isinstance(part, bytes) else 200
    return size
