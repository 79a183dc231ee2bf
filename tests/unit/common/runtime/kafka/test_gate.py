"""The gate before batches: closed means that running ones finish and the next ones wait."""

import asyncio

from services.common.runtime.kafka.gate import Gate


async def work(gate: Gate, end: asyncio.Event, log: list[str]) -> None:
    async with gate.batch():
        log.append("in")
        await end.wait()
    log.append("out")


async def test_closing_waits_for_running_batches_and_holds_the_next() -> None:
    gate, end, log = Gate(), asyncio.Event(), list[str]()
    running = asyncio.create_task(work(gate, end, log))
    await asyncio.sleep(0)
    closing = asyncio.create_task(gate.close(10))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(work(gate, end, log))
    await asyncio.sleep(0)
    assert log == ["in"]
    end.set()
    assert await closing
    assert log == ["in", "out"]
    gate.open()
    await asyncio.gather(running, waiting)
    assert log == ["in", "out", "in", "out"]


async def test_closing_gives_up_on_a_batch_that_does_not_end() -> None:
    gate, log = Gate(), list[str]()
    running = asyncio.create_task(work(gate, asyncio.Event(), log))
    await asyncio.sleep(0)
    assert not await gate.close(0)
    running.cancel()


async def test_after_the_final_close_it_stays_closed() -> None:
    gate = Gate()
    gate.shut()
    gate.open()
    late = asyncio.create_task(work(gate, asyncio.Event(), []))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not late.done()
    assert await gate.close(0)
    late.cancel()
