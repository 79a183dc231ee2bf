"""Why work under a lease ended is told also while the database does not answer."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from services.common.errors import Unavailable
from services.poller import lease
from services.poller.adapters import LeaseLost
from services.poller.lease import leased


class Clock:
    """Only the wait between two renewals passes, as soon as the test lets it."""

    def __init__(self) -> None:
        self.renewal = asyncio.Event()

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        assert seconds == lease.RENEWED_EVERY
        await self.renewal.wait()


class Leases:
    """A database that answers as long as ``up``; each renewal brings the next of ``tokens``."""

    def __init__(self, *tokens: int) -> None:
        self.tokens = list(tokens)
        self.up = True

    def acquire(self, *_: object) -> int | None:
        return self.tokens.pop(0)

    def holder(self, _account: str) -> str | None:
        return None

    def release(self, *_: object) -> None:
        if not self.up:
            raise Unavailable("Postgres does not answer")


class Ledger:
    """Nothing is written here."""

    def fenced(self, *_: object) -> "Ledger":
        return self


async def work(leases: Any, clock: Any, at_work: asyncio.Event) -> None:
    ledger: Any = Ledger()
    async with leased(leases, ledger, "work", clock):
        at_work.set()
        await asyncio.Event().wait()


async def started(leases: Leases, clock: Clock) -> asyncio.Task[None]:
    at_work = asyncio.Event()
    task = asyncio.create_task(work(leases, clock, at_work))
    await at_work.wait()
    return task


async def test_an_account_that_is_stopped_stops_while_the_database_is_down() -> None:
    leases = Leases(1)
    task = await started(leases, Clock())
    leases.up = False
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_lost_lease_is_told_while_the_database_is_down() -> None:
    leases, clock = Leases(1, 2), Clock()
    task = await started(leases, clock)
    leases.up = False
    clock.renewal.set()
    with pytest.raises(LeaseLost):
        await task


async def test_a_stop_counts_more_than_a_lease_that_is_lost_at_the_same_moment() -> None:
    leases, clock = Leases(1, 2), Clock()
    task = await started(leases, clock)
    renewing = next(each for each in asyncio.all_tasks() if each.get_coro().__name__ == "_renew")  # type: ignore[union-attr]
    renewing.add_done_callback(lambda _: task.cancel())
    clock.renewal.set()
    with pytest.raises(asyncio.CancelledError):
        await task
