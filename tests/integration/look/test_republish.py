"""A dead letter's record goes back to its topic as it was: real Kafka."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from infra.local import cluster
from services.cli.publishing import republish
from services.common.contract import Record
from services.common.topics_admin import create


async def test_the_original_bytes_and_headers_are_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Record(
        "mail.fetched", b"work/f/1/2", b"\x00\xff raw", (("ce_type", b"org.mailweir.x.v1"), ("odd", b"\xff"))
    )
    with cluster.running({"kafka"}, home=tmp_path) as components:
        await create(components.kafka)
        monkeypatch.setenv("MAILWEIR_KAFKA", components.kafka)
        await republish(record)
        consumer = AIOKafkaConsumer("mail.fetched", bootstrap_servers=components.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            found = await consumer.getone()
        finally:
            await consumer.stop()
    assert (found.key, found.value, tuple(found.headers)) == (record.key, record.value, record.headers)
