"""A gate before every batch: closed while partitions move and at the end, so that running batches can finish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Open: batches may start. Closed: those that run finish, the next ones wait."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.running = 0
        self._final = False

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[None]:
        """Wait until the gate is open, then count as running."""
        await self._open.wait()
        self.running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    def shut(self) -> None:
        """Close for ever."""
        self._open.clear()
        self._final = True

    async def close(self, within: float) -> bool:
        """Close; True when all running batches ended within so many seconds."""
        self._open.clear()
        try:
            async with asyncio.timeout(within):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def open(self) -> None:
        """Let batches start again."""
        if not self._final:
            self._open.set()
