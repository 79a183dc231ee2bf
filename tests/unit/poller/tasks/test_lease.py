"""Why work under a lease ended is told also while the database does not answer, and whose lease needs no waiting."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from services.common.errors import Unavailable
from services.poller.adapters import LeaseLost
from services.poller.tasks import lease
from services.poller.tasks.lease import is_dead, leased, owner


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


async def test_a_lease_that_cannot_be_renewed_in_time_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that hangs: when it answers, another poller may have the account."""
    leases, clock, answers = Leases(1), Clock(), threading.Event()
    monkeypatch.setattr(clock, "monotonic", time.monotonic)
    task = await started(leases, clock)
    monkeypatch.setattr(lease, "SECONDS", 0.3)
    monkeypatch.setattr(leases, "acquire", lambda *_: answers.wait(60))
    clock.renewal.set()
    try:
        with pytest.raises(LeaseLost):
            await asyncio.wait_for(task, 30)
    finally:
        answers.set()


def test_a_process_of_this_machine_that_is_no_more_is_dead() -> None:
    name = "from services.poller.tasks.lease import owner; print(owner('syncing'), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        holder = process.stdout.readline().strip()
        assert not is_dead(holder)
        process.kill()
    assert is_dead(holder)
    assert not is_dead(owner())


def test_the_same_number_on_another_machine_or_in_another_container_is_not_dead() -> None:
    host, pid, start, place = owner().split(":")
    assert (host, pid) == (socket.gethostname(), str(os.getpid()))
    assert not is_dead(f"{host}:1:123:0123456789ab"), "a container of the same name"
    assert not is_dead(f"{host}:{pid}:123:0123456789ab")
    assert not is_dead(f"other-{host}:{pid}:123:{place}")
    assert not is_dead(f"{host}:{pid}:123"), "of an earlier version"
    assert not is_dead("")
    assert is_dead(f"{host}:{pid}:123:{place}"), "the number was given again"
    assert is_dead(f"{host}:{2**70}:{start}:{place}:erasing")


def test_a_dead_process_is_told_where_nothing_tells_when_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_started", lambda _pid: "")
    holder = owner("erasing")
    assert not is_dead(holder)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert is_dead(holder.replace(f":{os.getpid()}:", f":{process.pid}:"))
