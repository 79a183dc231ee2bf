"""Records with header names that are no UTF-8, as other clients write them, between good ones."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy

from services.common.runtime.kafka.header_names import _AnyNames, _Kept


class Odd:
    """A name in octets that no text gives."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def encode(self, _: str) -> bytes:
        return self.octets


def batch(names: list[Any], compression: int, first: int) -> bytes:
    """A batch of records, one for each name; ``first`` is the offset of the first."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1 << 20)
    for number, name in enumerate(names):
        builder.append(number, 1_700_000_000_000 + number, b"key", b"value %d" % number, [(name, b"\xff"), ("z", None)])
    octets = bytes(builder.build())
    return first.to_bytes(8, "big") + octets[8:]


@pytest.mark.parametrize("compression", [DefaultRecordBatch.CODEC_NONE, DefaultRecordBatch.CODEC_ZSTD])
def test_every_record_is_read_once_and_in_order(compression: int) -> None:
    mixed = ["a", "b", Odd(b"ce_\xff\xfeid"), "合同", Odd(b"\xed\xa0\x80")]
    octets = batch(mixed, compression, 40) + batch(["c", Odd(b"\x80")], compression, 45)
    read = list(_AnyNames(TopicPartition("t", 0), _Kept(octets), None, 41, None, None, True, READ_UNCOMMITTED))
    assert [record.offset for record in read] == [41, 42, 43, 44, 45, 46]
    assert [record.headers[0][0] for record in read] == ["b", r"ce_\xff\xfeid", "合同", r"\xed\xa0\x80", "c", r"\x80"]
    assert [record.value for record in read] == [b"value %d" % number for number in (1, 2, 3, 4, 0, 1)]
    assert [record.timestamp % 10 for record in read] == [1, 2, 3, 4, 0, 1]
    assert {record.headers[1:] for record in read} == {(("z", None),)}
    assert {record.headers[0][1] for record in read} == {b"\xff"}


def test_what_follows_is_where_reading_goes_on() -> None:
    octets = batch([Odd(b"\xff")], DefaultRecordBatch.CODEC_NONE, 7)
    records = _AnyNames(TopicPartition("t", 0), _Kept(octets), None, 7, None, None, True, READ_UNCOMMITTED)
    assert [record.offset for record in records] == [7]
    assert records.next_fetch_offset == 8
