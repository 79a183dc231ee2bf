"""A clock that a test sets; sleeping moves it at once."""

import asyncio
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at a fixed moment; :meth:`forward` and :meth:`sleep` move it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The set moment."""
        return self.moment

    def monotonic(self) -> float:
        """Seconds of the same moment."""
        return self.moment.timestamp()

    def forward(self, seconds: float) -> None:
        """Move on (or back)."""
        self.moment += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Move on, and let others run."""
        self.slept.append(seconds)
        self.forward(seconds)
        await asyncio.sleep(0)
