"""One command in flight and what came for it."""

from collections import deque
from dataclasses import dataclass, field

from services.poller.imap.errors import ResponseTooLarge
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

    def count(self, parts: list[Part], items: int, size: int) -> None:
        """One more response, wanted or not. Raises ResponseTooLarge beyond so many responses or bytes of lines."""
        self.items += 1
        self.bytes += len(parts[0]) if isinstance(parts[0], bytes) else 0
        if self.items > items or self.bytes > size:
            raise ResponseTooLarge(f"the answer to {self.name} has no end ({self.items} responses)")


def weight(parts: list[Part]) -> int:
    """Bytes a waiting response takes, about."""
    size = 200
    for part in parts:
        size += len(part) if isinstance(part, bytes) else 200
    return size
