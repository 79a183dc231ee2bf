"""How long a worker that is told to stop goes on: only while what it does can still be counted as done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any

from services.common.runtime.kafka.gate import Gate

log = logging.getLogger(__name__)
_LOOK = 0.1  # seconds between two looks at the batches
_ASK = 1.0  # seconds between two questions to the brokers
_ANSWER = 5.0  # seconds in which brokers that are there answer, however busy
_MOMENT = 2.0  # seconds for a last commit to brokers that do not answer


async def end(
    gate: Gate,
    waiting: Collection[str] | None,
    commit: Callable[[], Coroutine[Any, Any, None]],
    grace: float,
    ask: Callable[[], Awaitable[object]],
) -> None:
    """Let batches end and then ``commit``, each within ``grace`` seconds, and while the brokers answer ``ask``.

    ``waiting``: topics whose batch waits for a dependency; None when no batch is to be waited for.
    """
    gate.shut()
    away = asyncio.create_task(gone(ask))
    in_time = waiting is None or await ended(drained(gate, waiting), grace, away, 0)
    if waiting is not None and gate.running:
        why = "waits for a dependency" if in_time or away.done() else "did not end within the stop grace"
        log.warning("a batch %s; it will be done again after the restart", why)
    if not await ended(commit(), grace, away, _MOMENT):
        log.warning("the last commit was not confirmed; what it was for will be done again after the restart")
    away.cancel()


async def gone(ask: Callable[[], Awaitable[object]]) -> None:
    """Return when the brokers do not answer any more: nothing that ends after that can be acknowledged."""
    with suppress(Exception):
        while True:
            async with asyncio.timeout(_ANSWER):
                await ask()
            await asyncio.sleep(_ASK)


async def drained(gate: Gate, waiting: Collection[str]) -> None:
    """Return when every batch that runs waits for a dependency: it would be repeated, and nobody knows for how long."""
    while gate.running > len(waiting):  # noqa: ASYNC110 -- two parts tell, and one of them is only a set
        await asyncio.sleep(_LOOK)


async def ended(work: Coroutine[Any, Any, None], within: float, away: "asyncio.Task[None]", moment: float) -> bool:
    """Whether it ended within so many seconds, or within a moment after the brokers went; else it is given up."""
    task = asyncio.create_task(work)
    await asyncio.wait({task, away}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    if away.done():
        await asyncio.wait({task}, timeout=min(within, moment))
    if task.done():
        task.result()
        return True
    task.cancel()
    return False
