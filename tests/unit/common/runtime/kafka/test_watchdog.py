"""When a partition counts as stalled."""

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition

from services.common.errors import Unavailable
from services.common.runtime.kafka.watchdog import Lag, StallDetector, Stalled, check

ONE, TWO = TopicPartition("mail.fetched", 0), TopicPartition("mail.fetched", 1)
BOTH = {ONE, TWO}


def lag(one: int, two: int, end: int = 100) -> Lag:
    return Lag({ONE: one, TWO: two}, {ONE: end, TWO: end})


def test_lag_without_a_commit_for_too_long_is_a_stall_though_a_neighbour_moves() -> None:
    detector = StallDetector(60)
    for second in range(0, 61, 20):
        detector.look(second, lag(10, second), BOTH, excused=False)
    with pytest.raises(Stalled, match=r"mail.fetched\[0\]: 90 records wait .* for 80 s"):
        detector.look(80, lag(10, 80), BOTH, excused=False)


def test_no_lag_is_no_stall() -> None:
    detector = StallDetector(60)
    for second in range(0, 1000, 100):
        detector.look(second, lag(100, 100), BOTH, excused=False)


def test_waiting_for_a_dependency_is_no_stall_and_starts_the_time_again() -> None:
    detector = StallDetector(60)
    for second in range(0, 500, 50):
        detector.look(second, lag(10, 10), BOTH, excused=True)
    detector.look(500, lag(10, 10), BOTH, excused=False)
    with pytest.raises(Stalled):
        detector.look(520, lag(10, 10), BOTH, excused=False)


def test_the_partitions_of_other_workers_are_their_business() -> None:
    detector = StallDetector(60)
    for second in range(0, 500, 50):
        detector.look(second, lag(second, 10, 1000), {ONE}, excused=False)


def test_after_a_gap_between_two_looks_the_time_starts_again() -> None:
    detector = StallDetector(60, gap=30)
    for second in (0, 25, 50):
        detector.look(second, lag(10, 10), BOTH, excused=False)
    detector.look(1000, lag(10, 10), BOTH, excused=False)
    for second in (1025, 1050):
        detector.look(second, lag(10, 10), BOTH, excused=False)
    with pytest.raises(Stalled, match="for 75 s"):
        detector.look(1075, lag(10, 10), BOTH, excused=False)


def test_a_topic_that_may_not_be_looked_at_is_not_called_missing() -> None:
    there, away, forbidden = ({"topic": name, "error_code": code} for name, code in (("a", 0), ("b", 3), ("c", 29)))
    check([there])
    with pytest.raises(Unavailable, match=r"topics are missing: b; run `mailweir topics`"):
        check([there, away, forbidden])
    with pytest.raises(TopicAuthorizationFailedError):
        check([there, forbidden])
