"""Retry in place while a dependency is down: exponential back-off with jitter, clock and chance injected."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from services.common.errors import Unavailable

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


def delays(base: float = 0.5, cap: float = 30.0, chance: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait before each next try, without end: doubling from ``base`` up to ``cap``.

    Each is drawn from its upper half, so that many workers do not come back at the same instant and none hammers.
    """
    bound = base
    while True:
        yield bound * (0.5 + chance() / 2)
        bound = min(cap, bound * 2)


async def until_available(
    action: Callable[[], Awaitable[T]],
    on_failure: Callable[[Unavailable, float], None],
    waits: Iterable[float] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> T:
    """Run ``action`` until it does not raise ``Unavailable``; other exceptions pass.

    ``on_failure`` gets each failure and the seconds until the next try. When ``waits`` ends, the failure passes.
    """
    for wait in waits if waits is not None else delays():
        try:
            return await action()
        except Unavailable as failure:
            on_failure(failure, wait)
        await sleep(wait)
    return await action()
