"""Which records go out together, and to which partition."""

import random
from functools import partial

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from services.common.contract.records import Record
from services.common.runtime.kafka.packing import packed, partition_of

PARTITIONS = {"mail.fetched": [0, 1, 2], "mail.parsed": [0]}
ROOM = 16 * 1024
BEGIN = partial(BatchBuilder, ROOM, 0)


def record(number: int, size: int = 10, topic: str = "mail.fetched") -> Record:
    return Record(topic, b"work/f1/1/%d" % number, b"%d" % number * size, (("ce_id", b"%d" % number),))


def test_a_key_goes_where_other_clients_send_it() -> None:
    chance = random.Random(1)
    keys = [chance.randbytes(chance.randint(0, 90)) for _ in range(500)]
    for count in (1, 2, 6, 7):
        partitions = list(range(count))
        theirs = [DefaultPartitioner()(key, partitions, partitions) for key in keys]
        assert [partition_of(key, partitions) for key in keys] == theirs


def test_records_of_a_partition_share_a_batch() -> None:
    records = [record(number) for number in range(100)] + [record(number, topic="mail.parsed") for number in range(9)]
    batches = list(packed(BEGIN, PARTITIONS, records))
    assert len(batches) == 4
    by_place = {(batch.topic, batch.partition): batch.builder.record_count() for batch in batches}
    assert sum(by_place.values()) == 109
    assert by_place["mail.parsed", 0] == 9
    assert sum(batch.octets for batch in batches) == sum(len(each.key) + len(each.value or b"") for each in records)


def test_a_full_batch_goes_out_before_more_is_asked_for() -> None:
    asked: list[int] = []

    def growing() -> object:
        for number in range(100):
            asked.append(number)
            yield record(number, ROOM // 30, "mail.parsed")

    batches = packed(BEGIN, PARTITIONS, growing())  # type: ignore[arg-type]
    first = next(batches)
    assert first.builder.record_count() == len(asked) - 1 < 50
    assert sum(batch.builder.record_count() for batch in (first, *batches)) == 100


def test_what_is_larger_than_a_batch_goes_alone_and_all_stays_in_order() -> None:
    sizes = [10, 5 * ROOM, 5 * ROOM, 10, 10]
    records = [record(number, size, "mail.parsed") for number, size in enumerate(sizes)]
    batches = list(packed(BEGIN, PARTITIONS, records))
    assert [batch.builder.record_count() for batch in batches] == [1, 1, 1, 2]
    assert [batch.octets for batch in batches] == [
        sum(len(each.key) + len(each.value or b"") for each in part)
        for part in (records[:1], records[1:2], records[2:3], records[3:])
    ]
