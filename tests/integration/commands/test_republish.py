"""Dead letters' records go back to their topics as they were: real Kafka."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatch
from msgspec.structs import replace

from infra.local import cluster
from services.common.contract.records import Record
from services.common.dead_letters import dead_letter, replayed
from services.common.errors import Unavailable
from services.common.runtime.kafka.producer import MAX_RECORD
from services.common.runtime.kafka.topics_admin import create
from services.front.embedded import publisher
from services.front.publishing import republishing
from tests.integration.commands.conftest import Home

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RECORDS = [
    Record("mail.fetched", b"work/f/1/2", value, (("ce_type", b"org.mailweir.x.v1"), ("odd", b"\xff")))
    for value in (b"\x00\xff raw", b"second", b"third")
]

LETTERS = [
    dead_letter(replace(record, partition=0, offset=number), "parser", "refused.data", "-", NOW)
    for number, record in enumerate(RECORDS)
]


@pytest.fixture(scope="module")
def components(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cluster.Cluster]:
    with cluster.running({"kafka"}, home=tmp_path_factory.mktemp("kafka")) as running:
        yield running


async def written(kafka: str, topic: str, count: int) -> list[Record]:
    """The first records of a topic."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return [Record("mail.fetched", each.key, each.value, tuple(each.headers)) for each in found]


async def test_the_original_bytes_and_headers_are_written_again(
    components: cluster.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILWEIR_KAFKA", components.kafka)
    monkeypatch.setenv("MAILWEIR_KAFKA_TOPIC_PREFIX", "one.")
    await create(components.kafka)
    async with republishing() as send:
        await send(RECORDS[0])
    assert await written(components.kafka, "one.mail.fetched", 1) == RECORDS[:1]


async def test_records_are_compressed_as_the_others_of_the_installation(
    components: cluster.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that knows no zstd could read nothing behind a replay."""
    monkeypatch.setenv("MAILWEIR_KAFKA", components.kafka)
    monkeypatch.setenv("MAILWEIR_KAFKA_TOPIC_PREFIX", "gzip.")
    monkeypatch.setenv("MAILWEIR_KAFKA_COMPRESSION", "gzip")
    await create(components.kafka)
    async with republishing() as send:
        await send(replace(RECORDS[0], value=b"raw" * 1000))
    segments = components.home.rglob("gzip.mail.fetched-*/*.log")
    (batch,) = filter(None, (segment.read_bytes() for segment in segments))
    assert batch[22] & 7 == DefaultRecordBatch.CODEC_GZIP


async def test_one_producer_writes_all_letters(
    home: Home, components: cluster.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILWEIR_KAFKA_TOPIC_PREFIX", "all.")
    await create(components.kafka)
    await publisher(home.context).publish(LETTERS)
    started: list[AIOKafkaProducer] = []
    start = AIOKafkaProducer.start

    async def counted(producer: AIOKafkaProducer) -> None:
        started.append(producer)
        await start(producer)

    monkeypatch.setattr(AIOKafkaProducer, "start", counted)
    home.environment["MAILWEIR_KAFKA"] = components.kafka
    assert home.run("dlq", "replay", "--all").exit_code == 0
    assert len(started) == 1
    expected = [replayed(record, "parser") for record in RECORDS]
    assert await written(components.kafka, "all.mail.fetched", 3) == expected
    assert home.value("SELECT string_agg(state, ' ') FROM dead_letters") == "replayed replayed replayed"


async def test_a_letter_that_its_topic_does_not_take_keeps_no_other_from_a_replay(
    home: Home, components: cluster.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest record of a client that does not compress is larger than its topic takes when we do."""
    monkeypatch.setenv("MAILWEIR_KAFKA_TOPIC_PREFIX", "large.")
    await create(components.kafka)
    await publisher(home.context).publish([replace(LETTERS[0], value=os.urandom(MAX_RECORD), offset=0), *LETTERS[1:]])
    home.environment["MAILWEIR_KAFKA"] = components.kafka
    done = home.run("dlq", "replay", "--all")
    assert (done.exit_code, done.stderr.count("its topic takes no record of this size; it can be dropped")) == (3, 1)
    assert home.value("SELECT string_agg(state, ' ' ORDER BY id) FROM dead_letters") == "open replayed replayed"


async def test_letters_stay_open_while_kafka_does_not_answer(home: Home) -> None:
    await publisher(home.context).publish(LETTERS)
    home.environment["MAILWEIR_KAFKA"] = "127.0.0.1:1"
    with pytest.raises(Unavailable, match="Kafka does not take the record"):
        home.run("dlq", "replay", "--all")
    assert home.value("SELECT string_agg(state, ' ') FROM dead_letters") == "open open open"
