"""Which offset may be committed: always the lowest delivered one that is not acknowledged (pure).

Faust 0.15.3 commits over a hole of one record (measured: ADR 0003). This rule cannot: it knows the order in
which records were delivered, so offsets without a record (retention, compaction, transactions) are no holes to it.
"""

from collections import deque


class CommitPosition:
    """Deliveries and acknowledgements of one partition since it was assigned."""

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._acknowledged: set[int] = set()
        self._next: int | None = None

    def delivered(self, offset: int) -> None:
        """A record was read. Offsets grow; a lower one means that reading went back, and it is open again."""
        while self._open and self._open[-1] >= offset:
            self._acknowledged.discard(self._open.pop())
        self._open.append(offset)
        self._next = offset + 1

    def read(self, to: int) -> None:
        """All records below were delivered: a topic may end with offsets that have none."""
        self._next = to

    def acknowledged(self, offset: int) -> None:
        """All that follows from this record is durable."""
        self._acknowledged.add(offset)
        while self._open and self._open[0] in self._acknowledged:
            self._acknowledged.discard(self._open.popleft())

    @property
    def position(self) -> int | None:
        """The offset to commit: next to read after a restart. None while nothing was read."""
        return self._open[0] if self._open else self._next

    @property
    def expected(self) -> int | None:
        """The offset after what was read. None while nothing was."""
        return self._next
