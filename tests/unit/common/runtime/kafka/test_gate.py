"""The gate before batches: closed means that running ones finish and the next ones wait."""

import asyncio

from services.common.runtime.kafka.gate import Gate


async def work(gate: Gate, end: asyncio.Event, log: list[str]) -> None:
    async with gate.batch():
        log.append("in")
        await end.wait()
    log.append("out")


async def test_a_closed_gate_lets_running_batches_end_and_holds_the_next() -> None:
    gate, end, log = Gate(), asyncio.Event(), list[str]()
    running = asyncio.create_task(work(gate, end, log))
    await asyncio.sleep(0)
    gate.close()
    waiting = asyncio.create_task(work(gate, end, log))
    await asyncio.sleep(0)
    assert (log, gate.running) == (["in"], 1)
    end.set()
    await running
    assert (log, gate.running) == (["in", "out"], 0)
    gate.open()
    await waiting
    assert log == ["in", "out", "in", "out"]


async def test_after_the_final_close_it_stays_closed() -> None:
    gate = Gate()
    gate.shut()
    gate.open()
    late = asyncio.create_task(work(gate, asyncio.Event(), []))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (late.done(), gate.running) == (False, 0)
    late.cancel()
