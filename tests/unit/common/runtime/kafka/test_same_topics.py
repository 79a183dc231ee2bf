"""When a topic cannot be the one that a worker began to read."""

import pytest
from aiokafka.structs import TopicPartition

from services.common.runtime.kafka.same_topics import SameTopics, TopicLost
from services.common.runtime.kafka.watchdog import Lag

ONE, TWO = TopicPartition("mail.fetched", 0), TopicPartition("mail.fetched", 1)


def lag(committed: int | None, end: int) -> Lag:
    return Lag({} if committed is None else {ONE: committed}, {ONE: end, TWO: 5})


def test_a_topic_that_was_listed_and_is_not_any_more_is_lost_for_good() -> None:
    same = SameTopics(["mail.fetched", "mail.parsed"])
    for listed in ([], ["mail.parsed"], ["mail.parsed", "mail.fetched", "other"], ["mail.fetched", "mail.parsed"]):
        same.listed(listed)
    same.check()
    for listed in (["mail.parsed", "other"], ["mail.fetched", "mail.parsed", "other"]):
        same.listed(listed)
        with pytest.raises(TopicLost, match=r"topic mail\.fetched was .*mailweir topics.*mailweir repair"):
            same.check()


@pytest.mark.parametrize("after", [lag(50, 99), lag(None, 0), Lag({ONE: 50}, {ONE: 100})])
def test_an_end_that_goes_back_is_another_topic(after: Lag) -> None:
    same = SameTopics()
    same.measured(lag(50, 100))
    same.measured(after)
    with pytest.raises(TopicLost, match=r"mail\.fetched"):
        same.check()


def test_offsets_that_stay_or_grow_are_the_same_topic() -> None:
    same = SameTopics()
    for seen in (lag(None, 0), lag(None, 10), lag(0, 10), lag(10, 10), lag(None, 10), lag(12, 300)):
        same.measured(seen)
    same.check()


def test_another_id_is_another_topic() -> None:
    same = SameTopics()
    for ids in ({"mail.fetched": b"1"}, {}, {"mail.fetched": b"1", "mail.parsed": b"2"}):
        same.identified(ids)
    same.check()
    same.identified({"mail.fetched": b"1", "mail.parsed": b"3"})
    with pytest.raises(TopicLost, match=r"mail\.parsed"):
        same.check()
