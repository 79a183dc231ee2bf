"""A gate before every batch: closed while partitions move and at the end, so that running batches can finish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Open: batches may start. Closed: those that run finish, the next ones wait."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.running = 0
        self._final = False

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[None]:
        """Wait until the gate is open, then count as running."""
        await self._open.wait()
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    def close(self) -> None:
        """Let no batch start until it is opened again."""
        self._open.clear()

    def shut(self) -> None:
        """Close for ever."""
        self.close()
        self._final = True

    def open(self) -> None:
        """Let batches start again."""
        if not self._final:
            self._open.set()
