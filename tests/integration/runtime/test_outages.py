"""Dependencies that go away and come back, a start without brokers or topics, and workers that share the work."""

import asyncio
import subprocess
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
from tests.integration.runtime.lab import MANY, Lab
from tests.integration.runtime.worker import service

ALL = range(1, 201)


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


async def test_a_worker_that_joins_does_not_wait_for_a_batch_that_waits_for_a_dependency(lab: Lab) -> None:
    await lab.publish(ALL)
    lab.switch("down")
    first = lab.worker(rebalance_timeout=900)
    await lab.until("the first tries", lambda: tries(lab, 0))
    second = lab.worker(rebalance_timeout=900)
    await lab.until("the second has its share", lambda: tries(lab, 1))
    assert "partitions move while a batch waits for a dependency" in lab.logs(whole=True)
    lab.release("down")
    await lab.complete(ALL)
    for worker in (first, second):
        await lab.stopped(worker)


def tries(lab: Lab, worker: int) -> bool:
    return "waiting for a dependency" in (lab.folder / f"log{worker}").read_text()


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
