"""A broker holds a request for news longer while nothing is to be done, and no record comes later for it."""

import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.local.cluster import Cluster
from services.common.runtime.kafka import patience
from services.common.runtime.kafka.patience import be_patient
from tests.polling import until_meanwhile

TOPIC = "patience"
PARTITIONS = [TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)]
LONG = 20_000  # milliseconds: a record that had to wait for such a request would be noticed


async def test_a_quiet_request_is_long_ends_with_the_first_record_and_holds_up_no_other(
    components: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_QUIET_MS", LONG)
    consumer = AIOKafkaConsumer(bootstrap_servers=components.kafka, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=components.kafka)
    await _make(components.kafka)
    await consumer.start()
    await producer.start()
    waits = _watched(consumer)
    try:
        consumer.assign(PARTITIONS)
        await until_meanwhile(lambda: waits[-1:] == [LONG])
        for partition in (0, 1, 0):
            begun = time.monotonic()
            await producer.send_and_wait(TOPIC, b"news", partition=partition)
            await consumer.getone(PARTITIONS[partition])
            assert time.monotonic() - begun < LONG / 2_000
        await producer.send_and_wait(TOPIC, b"not taken yet", partition=0)
        await until_meanwhile(lambda: waits[-1:] == [patience._BUSY_MS])
    finally:
        await producer.stop()
        await consumer.stop()


def _watched(consumer: Any) -> list[int]:
    """The waits of the requests that are sent from now on."""
    waits: list[int] = []
    fetcher = consumer._fetcher
    be_patient(fetcher)
    actions = fetcher._get_actions_per_node

    def seen(assignment: Any) -> Any:
        found = actions(assignment)
        waits.extend(fetcher._fetch_max_wait_ms for _ in found[0])
        return found

    fetcher._get_actions_per_node = seen
    return waits


async def _make(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, len(PARTITIONS), 1)])
    await admin.close()
