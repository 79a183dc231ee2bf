"""Records that cannot be used go to the dead-letter topic whole; too many of them stop the service."""

import os

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from services.common.contract.records import Record, decode
from services.common.events import DeadLetter
from services.common.runtime.kafka.producer import MAX_RECORD
from tests.integration.runtime.lab import READ, WRITTEN, Lab, fetched

POISON = b"\xff\x00 not ours \xfe"
HEADERS = [("ce_type", b"org.example.unknown.v9"), ("x-odd", b"\xff\xfe"), ("x-odd", b"twice")]


async def send_raw(lab: Lab, key: bytes, value: bytes | None) -> None:
    """What any stranger can write: any bytes that the broker takes."""
    settings = {"max_request_size": 2**26, "compression_type": "zstd"}
    async with AIOKafkaProducer(bootstrap_servers=lab.bootstrap, **settings) as producer:
        await producer.send_and_wait(lab.prefix + READ.name, value=value, key=key, headers=HEADERS, partition=0)


async def test_a_poison_record_becomes_a_dead_letter_and_its_neighbours_pass(lab: Lab) -> None:
    await lab.publish(range(1, 51))
    await send_raw(lab, b"odd key", POISON)
    await send_raw(lab, b"tombstone", None)
    await lab.publish(range(51, 101))
    await lab.publish(range(900, 901), body=b"refuse")
    worker = lab.worker()
    await lab.until("all at the sink", lambda: set(lab.seen()) == set(range(1, 101)))
    await lab.until_committed(103)
    letters = await lab.records(READ.dead_letters)
    by_key = {record.key: record for record in letters}
    refused = fetched(900).place.subject.encode()
    assert set(by_key) == {b"odd key", b"tombstone", refused}
    odd = by_key[b"odd key"]
    assert odd.value == POISON
    assert list(odd.headers[:3]) == HEADERS
    added = dict(odd.headers[3:])
    assert added["dlq_error"] == b"contract.type"
    assert (added["dlq_topic"], added["dlq_partition"], added["dlq_service"]) == (READ.name.encode(), b"0", b"sink")
    assert by_key[b"tombstone"].value is None
    assert dict(by_key[refused].headers)["dlq_error"] == b"refused.test"
    assert by_key[refused].value == b"refuse"
    letter = decode(Record(READ.dead_letters, odd.key, odd.value, tuple(odd.headers)))
    assert isinstance(letter, DeadLetter)
    assert (letter.value, list(letter.headers)) == (POISON, HEADERS)
    await lab.stopped(worker)


class OddName:
    """The name of a header as clients write it that take octets; aiokafka's takes text only."""

    def encode(self, _: str) -> bytes:
        return b"ce_\xff\xfe"


async def test_a_header_name_that_is_no_text_makes_a_dead_letter_and_its_neighbours_pass(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.publish(range(1, 11))
    with monkeypatch.context() as patch:
        patch.setattr(message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
        async with AIOKafkaProducer(bootstrap_servers=lab.bootstrap) as producer:
            batch = producer.create_batch()
            batch.append(timestamp=None, key=b"odd", value=POISON, headers=[(OddName(), b"\xff")])
            await (await producer.send_batch(batch, lab.prefix + READ.name, partition=0))
    await lab.publish(range(11, 21))
    worker = lab.worker()
    await lab.until("all at the sink", lambda: set(lab.seen()) == set(range(1, 21)))
    await lab.until_committed(21)
    (letter,) = await lab.records(READ.dead_letters)
    assert (letter.key, letter.value, letter.headers[0]) == (b"odd", POISON, (r"ce_\xff\xfe", b"\xff"))
    await lab.stopped(worker)


async def test_the_largest_records_that_a_topic_takes_become_dead_letters_whole(lab: Lab) -> None:
    noise = os.urandom(MAX_RECORD - 300)  # room for key, headers and the frame of a batch
    large = bytes(10_000_000)
    await send_raw(lab, b"noise", noise)
    await send_raw(lab, b"large", large)
    await lab.publish(range(1, 11))
    worker = lab.worker()
    await lab.until("all at the sink", lambda: set(lab.seen()) == set(range(1, 11)))
    await lab.until_committed(12)
    letters = {record.key: record for record in await lab.records(READ.dead_letters)}
    assert set(letters) == {b"noise", b"large"}
    assert (letters[b"noise"].value, letters[b"large"].value) == (noise, large)
    assert list(letters[b"noise"].headers[:3]) == HEADERS
    await lab.stopped(worker)


async def test_too_many_dead_letters_stop_the_service_and_stay_where_they_are(lab: Lab) -> None:
    await lab.publish(range(1, 201), body=b"refuse")
    assert await lab.ended(lab.worker(dead_letter_run=30)) == 1
    assert "DeadLetterLimit" in lab.logs()
    kept = len(await lab.records(READ.dead_letters))
    assert 0 < kept <= 30
    assert await lab.committed() == kept, "what became a dead letter is done, the rest waits"
    assert await lab.records(WRITTEN.name) == []
