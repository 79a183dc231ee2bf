"""The job that makes topics, on topics that an older version made: real Kafka."""

import asyncio
import signal
import subprocess

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.local.cluster import Cluster
from services.common.runtime.kafka.topics_admin import Changes, create, wanted
from services.common.topics import ALL_TOPICS
from tests.integration.runtime.lab import PARTITIONS, READ, Lab


async def settings_of(bootstrap: str, topic: str) -> dict[str, str]:
    """What is set on the topic itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        (found,) = answer.to_object()["resources"]
        return {
            each["config_names"]: each["config_value"] for each in found["config_entries"] if each["config_source"] == 1
        }
    finally:
        await admin.close()


async def test_topics_of_an_older_version_take_as_large_records_as_new_ones(components: Cluster) -> None:
    asked = wanted(prefix="older.")
    letters, larger = "older.mail.fetched.dlq", "older.mail.parsed.dlq"
    kept = {"retention.ms": "86400000", "segment.bytes": "33554432"}
    older = {letters: kept | {"max.message.bytes": "1048588"}, larger: {"max.message.bytes": "9000000"}}
    await create(components.kafka, [NewTopic(name, 2, 1, topic_configs=own) for name, own in older.items()])
    done = await create(components.kafka, asked)
    assert set(done.created) == {topic.name for topic in asked} - set(older)
    assert done.raised == (letters,)
    assert "larger records allowed on older.mail.fetched.dlq" in str(done)
    assert await settings_of(components.kafka, letters) == kept | {"max.message.bytes": "1114124"}
    assert await settings_of(components.kafka, larger) == older[larger]
    again = await create(components.kafka, asked)
    assert (again, str(again)) == (Changes((), ()), "all topics are there")


@pytest.mark.parametrize(("kept", "wanted"), [("63072000000", "1051200"), ("-1", "2147483647")])
async def test_brokers_that_forget_a_group_before_its_records_are_told_of(
    components: Cluster, kept: str, wanted: str
) -> None:
    topic = NewTopic(f"kept.{wanted}", 1, 1, topic_configs={"retention.ms": kept})
    done = await create(components.kafka, [topic])
    assert str(done).startswith(f"created kept.{wanted}; the brokers forget after 365 days")
    assert f"set offsets.retention.minutes to {wanted} or more" in str(done)


async def test_the_job_makes_topics_as_the_prefix_calls_them(
    components: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILWEIR_KAFKA_TOPIC_PREFIX", "second.")
    done = await create(components.kafka)
    assert set(done.created) == {f"second.{topic.name}" for topic in ALL_TOPICS}
    assert (await create(components.kafka)).created == ()


async def test_a_topic_made_anew_under_a_busy_worker_ends_it_and_a_fresh_one_reads_all_of_it(lab: Lab) -> None:
    new = range(1001, 1401)
    lab.switch("slow", "0.3")
    await lab.publish(range(1, 201))
    worker = lab.worker()
    await lab.until("it works", lambda: len(lab.seen()) >= 100)
    await deleted(lab, READ.name)
    await lab.until("it is noticed", lambda: "not found in cluster metadata" in lab.logs())
    await lab.make_topics()
    await lab.publish(new)
    assert await lab.ended(worker) == 1
    assert f"TopicLost: topic {lab.prefix}{READ.name} was deleted or made anew" in lab.logs()
    lab.release("slow")
    worker = lab.worker()
    await lab.until("all of the new topic at the sink", lambda: set(lab.seen()) >= set(new))
    await lab.stopped(worker)


async def test_a_topic_that_is_deleted_ends_its_worker_and_a_fresh_one_waits_for_it(lab: Lab) -> None:
    await lab.publish(range(1, 201))
    worker = lab.worker()
    await lab.until("it works", lambda: len(lab.seen()) == 200)
    await deleted(lab, READ.name)
    assert await lab.ended(worker) == 1
    worker = lab.worker()
    await lab.until("health is red", lambda: "topics are missing" in (lab.health().get("reason") or ""))
    await lab.make_topics()
    await lab.publish(range(1001, 1101))
    await lab.until("all of the new topic at the sink", lambda: set(lab.seen()) >= set(range(1001, 1101)))
    await lab.stopped(worker)


async def deleted(lab: Lab, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap)
    await admin.start()
    try:
        assert [code for _, code in (await admin.delete_topics([lab.prefix + topic])).topic_error_codes] == [0]

        async def is_gone() -> bool:
            return lab.prefix + topic not in await admin.list_topics()

        await lab.until("the broker lists it no more", is_gone)
    finally:
        await admin.close()


@pytest.mark.parametrize("records", [400, 60])
async def test_a_topic_made_anew_while_a_worker_stands_still_is_read_from_the_start(lab: Lab, records: int) -> None:
    new = range(1001, 1001 + records)
    lab.switch("most", "100")
    await lab.publish(range(1, 201))
    worker = lab.worker(probe_interval=60)
    await lab.until("it works", lambda: len(lab.seen()) >= 100)
    worker.send_signal(signal.SIGSTOP)
    await made_anew(lab, READ.name)
    await lab.publish(new)
    worker.send_signal(signal.SIGCONT)
    lab.release("most")
    assert await lab.ended(worker) == 1
    assert f"TopicLost: topic {lab.prefix}{READ.name} was deleted or made anew" in lab.logs()
    worker = lab.worker()
    await lab.until("all of the new topic at the sink", lambda: uids_of(lab, worker) >= set(new))
    await lab.stopped(worker)


def uids_of(lab: Lab, worker: "subprocess.Popen[bytes]") -> set[int]:
    """What this worker brought to the sink."""
    lines = (lab.folder / "sink").read_text().splitlines()
    return {int(uid) for process, uid in map(str.split, lines) if int(process) == worker.pid}


async def made_anew(lab: Lab, topic: str) -> None:
    """Deleted, and made again as soon as the broker takes it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap)
    await admin.start()
    try:
        assert [code for _, code in (await admin.delete_topics([lab.prefix + topic])).topic_error_codes] == [0]
        async with asyncio.timeout(60):
            while (await admin.create_topics([NewTopic(lab.prefix + topic, PARTITIONS, 1)])).topic_errors[0][1]:
                pass
    finally:
        await admin.close()
