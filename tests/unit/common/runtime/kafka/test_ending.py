"""What a worker that is told to stop waits for, and what not. Clocks stand still: only the order counts."""

import asyncio
from collections.abc import Collection

import pytest

from services.common.errors import Unavailable
from services.common.runtime.kafka.ending import drained, end, ended, gone
from services.common.runtime.kafka.gate import Gate

LONG = 3600.0


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _at_once() -> None:
    pass


async def _soon() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


async def _silent() -> None:
    raise Unavailable("Kafka does not answer")


async def _held(gate: Gate, begun: asyncio.Event, end: asyncio.Event) -> None:
    async with gate.batch():
        begun.set()
        await end.wait()


async def test_a_batch_that_gets_on_is_waited_for_and_one_that_waits_is_not() -> None:
    gate, waiting, end, begun = Gate(), {"mail.parsed"}, asyncio.Event(), asyncio.Event()
    stuck = asyncio.create_task(_held(gate, asyncio.Event(), asyncio.Event()))
    busy = asyncio.create_task(_held(gate, begun, end))
    await begun.wait()
    draining = asyncio.create_task(drained(gate, waiting))
    await asyncio.wait({draining}, timeout=0.3)
    assert not draining.done()
    end.set()
    await draining
    await busy
    assert not stuck.done()
    stuck.cancel()


async def test_what_ends_in_time_ended() -> None:
    away = asyncio.create_task(_for_ever())
    assert await ended(_at_once(), LONG, away, 0)
    away.cancel()


async def test_what_does_not_end_is_given_up_after_its_grace() -> None:
    away = asyncio.create_task(_for_ever())
    gate = Gate()
    assert not await ended(_held(gate, asyncio.Event(), asyncio.Event()), 0.01, away, 0)
    await _soon()
    assert (gate.running, away.done()) == (0, False)
    away.cancel()


async def test_without_brokers_there_is_a_moment_and_not_the_grace() -> None:
    away = asyncio.create_task(gone(_silent))
    assert not await ended(_for_ever(), LONG, away, 0.01)
    assert await ended(_soon(), LONG, away, LONG)


async def test_brokers_that_answer_are_not_gone() -> None:
    away = asyncio.create_task(gone(_at_once))
    await asyncio.wait({away}, timeout=0.2)
    assert not away.done()
    away.cancel()


async def test_the_last_commit_comes_after_the_batch_that_ends(caplog: pytest.LogCaptureFixture) -> None:
    gate, begun, may_end, order = Gate(), asyncio.Event(), asyncio.Event(), list[str]()

    async def commit() -> None:
        order.append("batch ended" if busy.done() else "batch runs")

    busy = asyncio.create_task(_held(gate, begun, may_end))
    await begun.wait()
    ending = asyncio.create_task(end(gate, set(), commit, LONG, _at_once))
    await asyncio.wait({ending}, timeout=0.05)
    assert order == []
    may_end.set()
    await ending
    assert (order, caplog.messages) == (["batch ended"], [])


@pytest.mark.parametrize(
    ("waiting", "grace", "told"),
    [
        (None, LONG, []),
        ({"mail.parsed"}, LONG, ["a batch waits for a dependency; it will be done again after the restart"]),
        (set(), 0.01, ["a batch did not end within the stop grace; it will be done again after the restart"]),
    ],
)
async def test_what_is_done_is_committed_though_a_batch_does_not_end_and_none_begins(
    waiting: Collection[str] | None, grace: float, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    gate, begun, late, commits = Gate(), asyncio.Event(), asyncio.Event(), list[bool]()

    async def commit() -> None:
        commits.append(True)

    stuck = asyncio.create_task(_held(gate, begun, asyncio.Event()))
    await begun.wait()
    await end(gate, waiting, commit, grace, _at_once)
    next_one = asyncio.create_task(_held(gate, late, asyncio.Event()))
    await asyncio.wait({next_one}, timeout=0.01)
    assert (len(commits), caplog.messages, late.is_set()) == (1, told, False)
    stuck.cancel()
    next_one.cancel()


async def test_a_commit_that_is_not_confirmed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    await end(Gate(), set(), _for_ever, 0.01, _at_once)
    assert caplog.messages == [
        "the last commit was not confirmed; what it was for will be done again after the restart"
    ]
