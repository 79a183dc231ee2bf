"""Waiting for what takes its time: by polling with a deadline, never for a fixed time."""

import asyncio
import time
from collections.abc import Callable


def until(
    check: Callable[[], object], seconds: float = 60.0, said: Callable[[], object] = str, every: float = 0.02
) -> None:
    """Poll until it is so; when that is not in time, fail with what is ``said``."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, said() or "waited too long"
        time.sleep(every)


async def until_meanwhile(check: Callable[[], object], seconds: float = 120.0) -> None:
    """The same while the loop of the test goes on with other tasks."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.01)
