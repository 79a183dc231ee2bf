"""Records whose checksum is wrong: those before them are read, and then it is said which they are."""

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED
from aiokafka.record.default_records import DefaultRecordBatch

from services.common.runtime.kafka.damaged import Damaged
from services.common.runtime.kafka.header_names import _AnyNames, _Kept
from tests.unit.common.runtime.kafka.test_header_names import Odd, batch


def read(octets: bytes, first: int) -> _AnyNames:
    return _AnyNames(TopicPartition("t", 3), _Kept(octets), None, first, None, None, True, READ_UNCOMMITTED)


@pytest.mark.parametrize("name", ["a", Odd(b"\xff")])
def test_what_stands_before_damaged_records_is_read_and_they_are_named(name: object) -> None:
    good = batch([name, name], DefaultRecordBatch.CODEC_ZSTD, 40)
    bad = bytearray(batch(["b", "c", "d"], DefaultRecordBatch.CODEC_ZSTD, 42))
    bad[-1] ^= 1
    behind = batch(["e"], DefaultRecordBatch.CODEC_NONE, 45)
    records = read(good + bad + behind, 41)
    assert [record.offset for record in records] == [41]
    assert records.next_fetch_offset == 42
    with pytest.raises(Damaged, match=r"topic t, partition 3: the records from offset 42 to before 45"):
        next(read(bytes(bad) + behind, 42))
    assert [record.offset for record in read(behind, 45)] == [45]
