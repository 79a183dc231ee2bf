"""A worker that stands still longer than its group waits for it: others do its work, and it comes back."""

import asyncio
import os
import signal
import subprocess

from tests.integration.runtime.lab import Lab
from tests.integration.runtime.test_outages import two_workers

COUNT, CHUNK = 1000, 40


async def test_a_worker_that_stands_still_loses_its_partitions_and_nothing_else(lab: Lab) -> None:
    await lab.publish(range(1, COUNT + 1))
    paused, other = await two_workers(lab, session_timeout=6)
    send(paused, signal.SIGSTOP)
    try:
        lab.release("slow")
        await lab.complete(range(1, COUNT + 1))
    finally:
        send(paused, signal.SIGCONT)
    published = COUNT

    async def works_again() -> bool:
        nonlocal published
        await lab.publish(range(published + 1, published + CHUNK + 1))
        published += CHUNK
        return max(seen_by(lab, paused), default=0) > COUNT

    await lab.until("it works again", works_again)
    await lab.complete(range(1, published + 1))
    for worker in (paused, other):
        await lab.stopped(worker)


async def test_a_worker_that_stands_still_longer_than_the_stall_time_out_goes_on(lab: Lab) -> None:
    await lab.publish(range(1, COUNT + 1))
    lab.switch("slow", "0.2")
    worker = lab.worker(session_timeout=6, request_timeout=6, stall_timeout=15)
    await lab.until("it works", lambda: len(lab.seen()) > 100)
    send(worker, signal.SIGSTOP)
    await asyncio.sleep(20)  # longer than the stall time-out: nobody could commit
    send(worker, signal.SIGCONT)
    lab.release("slow")
    await lab.complete(range(1, COUNT + 1))
    assert worker.poll() is None, lab.logs()
    await lab.stopped(worker)


def send(worker: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    os.kill(worker.pid, number)


def seen_by(lab: Lab, worker: "subprocess.Popen[bytes]") -> list[int]:
    lines = (line.split() for line in (lab.folder / "sink").read_text().splitlines())
    return [int(uid) for pid, uid in lines if int(pid) == worker.pid]
