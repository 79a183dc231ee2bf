"""Dependencies and brokers that go away and come back, and workers that share the work."""

import asyncio
import signal
import subprocess
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from infra.local.cluster import Cluster
from infra.local.folders import free_port
from services.common.errors import Unavailable
from services.common.health import Health, path_of
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.worker import Runtime
from tests.integration.runtime.lab import Lab
from tests.integration.runtime.worker import service

ALL = range(1, 201)
MANY = range(1, 3001)


async def test_a_dependency_that_is_down_turns_health_red_and_loses_nothing(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("down")
    worker = lab.worker(stall_timeout=3)
    await lab.until("health is red", lambda: lab.health().get("state") == "red" and "sink" in lab.health()["reason"])
    await asyncio.sleep(5)  # longer than the stall time-out: waiting for a dependency is no stall
    assert worker.poll() is None
    assert await lab.committed() == 0
    lab.release("down")
    await lab.complete(ALL)
    await lab.until("health is green", lambda: lab.health()["state"] == "green")
    assert sorted(lab.seen()) == list(ALL)
    await lab.stopped(worker)


async def two_workers(lab: Lab, **settings: float) -> "tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]":
    """Two that share the work, so slowly until then that the first cannot be through before the second begins."""
    lab.switch("slow", "1")
    first = lab.worker(**settings)
    await lab.until("the first works", lambda: lab.seen_by(first) > 0)
    second = lab.worker(**settings)
    await lab.until("the second works", lambda: lab.seen_by(second) > 0)
    lab.switch("slow", "0.1")
    return first, second


async def test_of_two_workers_one_is_killed_and_the_other_takes_over(lab: Lab) -> None:
    await lab.publish(MANY)
    first, second = await two_workers(lab)
    second.kill()
    await lab.until("the first still works", lambda: lab.seen_by(first) > 100)
    lab.release("slow")
    await lab.complete(MANY)
    assert len(lab.seen()) - len(MANY) < 300, "repeats are the batches that were open at the kill"
    await lab.stopped(first)


async def test_a_rebalance_without_a_death_repeats_nothing(lab: Lab) -> None:
    await lab.publish(MANY)
    first, second = await two_workers(lab)
    await lab.stopped(second)
    lab.release("slow")
    await lab.complete(MANY)
    assert len(lab.seen()) == len(MANY)
    await lab.stopped(first)


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


async def test_a_stop_does_not_wait_for_a_batch_that_waits_for_a_dependency(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("down")
    worker = lab.worker(stop_grace=600, retry_base=60, retry_cap=60)
    await lab.until("health is red", lambda: "sink" in (lab.health().get("reason") or ""))
    await lab.stopped(worker)
    assert await lab.committed() == 0
    assert "a batch waits for a dependency" in lab.logs()
    lab.release("down")
    worker = lab.worker()
    await lab.complete(ALL)
    assert sorted(lab.seen()) == list(ALL)
    await lab.stopped(worker)


async def test_brokers_that_go_away_while_a_service_starts_are_named(tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}", stop_grace=1)
    publisher = KafkaPublisher(settings, "sink")
    runtime = Runtime(service(tmp_path), settings, Health("sink", path_of(tmp_path, "sink")), publisher)
    with pytest.raises(Unavailable, match="Kafka went away"):
        async with runtime.started(partial(asyncio.sleep, 0)):
            pass
    runtime.app.consumer._thread.thread_loop.close()  # of a thread that never ran; the process ends, and this one not


async def test_a_service_that_starts_before_its_topics_waits_for_them(components: Cluster, tmp_path: Path) -> None:
    lab = Lab(components.kafka, tmp_path)
    try:
        worker = lab.worker()
        await lab.until("health is red", lambda: "topics are missing" in (lab.health().get("reason") or ""))
        await lab.make_topics()
        await lab.publish(ALL)
        await lab.complete(ALL)
        await lab.until("health is green", lambda: lab.health()["state"] == "green")
        await lab.stopped(worker)
    finally:
        lab.close()


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
