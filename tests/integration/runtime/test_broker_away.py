"""A broker that is killed, away or hangs while a worker is in the middle of many records."""

import asyncio
import signal
import subprocess
import urllib.request

import pytest

from infra.local.cluster import Cluster
from infra.local.folders import free_port
from tests.integration.runtime.lab import MANY, Lab


async def at_work(lab: Lab, **settings: float) -> "subprocess.Popen[bytes]":
    """A worker in the middle of many records, which gives up waiting for a broker after ten seconds."""
    await lab.publish(MANY)
    lab.switch("slow", "0.1")
    worker = lab.worker(request_timeout=10, **settings)
    await lab.until("it works", lambda: len(lab.seen()) > 100)
    return worker


def tells_lag(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return b"mailweir_lag_records{" in answer.read()


async def test_a_broker_that_restarts_under_load_loses_nothing(
    lab: Lab, components: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MAILWEIR_METRICS_PORT", str(port))
    worker = await at_work(lab)
    await lab.until("it tells its lag", lambda: tells_lag(port))
    components.kill("kafka")
    await lab.until("health is red", lambda: lab.health()["state"] == "red")
    await lab.until("no figure is left from before", lambda: not tells_lag(port))
    components.start("kafka")
    lab.release("slow")
    await lab.complete(MANY)
    await lab.until("health is green", lambda: lab.health()["state"] == "green")
    await lab.stopped(worker)


async def test_a_broker_that_was_away_longer_than_the_stall_time_out_finds_the_same_process(
    lab: Lab, components: Cluster
) -> None:
    worker = await at_work(lab, stall_timeout=25)
    components.kill("kafka")
    await asyncio.sleep(30)  # longer than the stall time-out: nobody could commit
    components.start("kafka")
    lab.release("slow")
    await lab.complete(MANY)
    assert worker.poll() is None, lab.logs()
    await lab.stopped(worker)


@pytest.mark.parametrize(("away", "back"), [("kill", "start"), ("pause", "resume")])
async def test_a_worker_told_to_stop_while_the_broker_is_away_ends_and_loses_nothing(
    lab: Lab, components: Cluster, away: str, back: str
) -> None:
    worker = await at_work(lab, stop_grace=600)
    getattr(components, away)("kafka")
    try:
        worker.send_signal(signal.SIGTERM)
        assert await lab.ended(worker) == 0, lab.logs()
    finally:
        getattr(components, back)("kafka")
    lab.release("slow")
    worker = lab.worker()
    await lab.complete(MANY)
    await lab.stopped(worker)


async def test_a_broker_that_hangs_under_load_loses_nothing(lab: Lab, components: Cluster) -> None:
    worker = await at_work(lab)
    components.pause("kafka")
    try:
        await lab.until("health is red", lambda: lab.health()["state"] == "red")
    finally:
        components.resume("kafka")
    lab.release("slow")
    await lab.complete(MANY)
    await lab.until("health is green", lambda: lab.health()["state"] == "green")
    await lab.stopped(worker)
