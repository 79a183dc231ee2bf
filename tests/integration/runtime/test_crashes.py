"""Workers that fail, die, hang or are told to stop in the middle: nothing is lost, and a restart completes."""

import asyncio
import signal

from tests.integration.runtime.lab import Lab

ALL = range(1, 201)


async def test_a_handler_that_raises_ends_the_process_and_the_restart_completes(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("raise", "100")
    assert await lab.ended(lab.worker()) == 1
    assert 100 not in lab.seen()
    assert await lab.committed() < len(ALL)
    lab.release("raise")
    worker = lab.worker()
    await lab.complete(ALL)
    await lab.stopped(worker)


async def test_killed_in_the_middle_of_a_batch_nothing_is_lost(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("most", "40")
    worker = lab.worker()
    await lab.until("some are done", lambda: len(lab.seen()) >= 40)
    worker.kill()
    worker.wait()
    assert len(lab.seen()) < len(ALL)
    lab.release("most")
    worker = lab.worker()
    await lab.complete(ALL)
    await lab.stopped(worker)


async def test_a_stop_lets_the_running_batch_end_and_commits_it(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("slow", "1")
    worker = lab.worker()
    await lab.until("the first batch is done", lambda: len(lab.seen()) > 0)
    await lab.stopped(worker)
    done = lab.seen()
    assert len(done) == len(set(done)) < len(ALL)
    assert await lab.committed() == len(done)
    lab.release("slow")
    worker = lab.worker()
    await lab.complete(ALL)
    assert sorted(lab.seen()) == list(ALL), "a clean stop repeats nothing"
    await lab.stopped(worker)


async def test_a_stop_in_the_middle_of_a_batch_waits_for_it(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("most", "0")
    worker = lab.worker()
    await lab.until("a batch runs", (lab.folder / "started").exists)
    worker.send_signal(signal.SIGTERM)
    await asyncio.sleep(2)  # in which it would have stopped
    assert worker.poll() is None
    assert lab.seen() == []
    lab.release("most")
    assert await lab.ended(worker) == 0
    assert 0 < len(lab.seen()) == await lab.committed()


async def test_a_stop_gives_up_a_batch_that_never_ends_and_loses_nothing(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("hang")
    worker = lab.worker(stop_grace=1)
    await lab.until("a batch runs", (lab.folder / "started").exists)
    worker.send_signal(signal.SIGTERM)
    assert await lab.ended(worker) == 0
    assert await lab.committed() == 0
    lab.release("hang")
    worker = lab.worker()
    await lab.complete(ALL)
    await lab.stopped(worker)


async def test_the_watchdog_ends_a_worker_that_stalls(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("hang")
    worker = lab.worker(stall_timeout=2, stop_grace=1)
    assert await lab.ended(worker) == 1
    assert "Stalled" in lab.logs()
    lab.release("hang")
    worker = lab.worker()
    await lab.complete(ALL)
    await lab.stopped(worker)
