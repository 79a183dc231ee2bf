"""What one look at the broker brought, and which records it shows to be gone."""

from types import SimpleNamespace
from typing import Any

from aiokafka.structs import TopicPartition

from services.common.runtime.kafka.fetched import Fetched, Removed

ONE, TWO = TopicPartition("mail.fetched", 0), TopicPartition("mail.fetched", 1)


def test_a_look_tells_the_offset_after_its_records_and_where_none_came() -> None:
    records: Any = [SimpleNamespace(offset=7), SimpleNamespace(offset=9)]
    found = Fetched({ONE: records}, {ONE: 12, TWO: 3})
    assert (dict(found), found.ends) == ({ONE: records}, {ONE: 12, TWO: 3})
    assert Fetched({ONE: records}, {}).ends == {ONE: 10}


def test_a_jump_to_where_the_topic_begins_tells_how_many_are_gone_once() -> None:
    removed = Removed()
    removed.jumped(ONE, 50, 100)
    removed.jumped(TWO, 50, 120)
    starts = {ONE: 100, TWO: 110}
    assert list(removed.take(starts)) == [(ONE, 50), (TWO, 60)]
    assert list(removed.take(starts)) == []


def test_offsets_that_never_had_a_record_and_reading_that_goes_back_are_no_loss() -> None:
    removed = Removed()
    removed.jumped(ONE, 50, 51)
    removed.jumped(TWO, 50, 0)
    assert list(removed.take({ONE: 0, TWO: 0})) == []
