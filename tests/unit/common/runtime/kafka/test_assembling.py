"""Records become batches: full ones at once, others at their turn, never more under way than there is room for."""

from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from services.common.runtime.kafka.assembling import SETTLE, Assembler
from services.common.service import Batch

TEN = {"a": Batch(10, 1.0), "b": Batch(10, 1.0)}


def records(count: int, octets: int = 1, first: int = 0) -> list[ConsumerRecord[bytes, bytes]]:
    return [
        ConsumerRecord("a", 0, first + number, 0, 0, b"", bytes(octets), None, 0, octets, ()) for number in range(count)
    ]


def taken(assembler: Assembler, now: float) -> list[tuple[str, int]]:
    return [(topic, len(batch)) for topic, batch in assembler.take(now)]


def test_a_full_batch_is_due_at_once_and_the_rest_a_while_after_it() -> None:
    assembler = Assembler(TEN)
    assembler.add("a", records(13), now=0)
    assert taken(assembler, now=7) == [("a", 10)]
    assert taken(assembler, now=7.9) == []
    assert taken(assembler, now=8) == [("a", 3)]


def test_what_comes_after_a_pause_waits_only_for_what_follows_at_once() -> None:
    assembler = Assembler({"a": Batch(100, 1.0)})
    for now in (0, 2, 7.5):
        assembler.add("a", records(5), now)
        assembler.add("a", records(3), now + SETTLE / 2)
        assert taken(assembler, now + SETTLE) == []
        assert taken(assembler, now + 2 * SETTLE) == [("a", 8)]
        assembler.done("a")


def test_a_stream_takes_one_batch_for_each_wait() -> None:
    assembler, batches = Assembler({"a": Batch(100, 1.0)}), list[int]()
    for hundredth in range(500):
        if hundredth % 10 == 0:
            assembler.add("a", records(1), hundredth / 100)
        for _, count in taken(assembler, hundredth / 100):
            batches.append(count)
            assembler.done("a")
    assert batches == [1, 10, 10, 10, 10]


def test_what_never_pauses_waits_no_longer_than_a_batch_may() -> None:
    assembler = Assembler({"a": Batch(1000, 1.0)})
    for hundredth in range(100):
        assembler.add("a", records(1), hundredth / 100)
        assert taken(assembler, hundredth / 100) == []
    assert taken(assembler, 1.0) == [("a", 100)]


def test_nothing_more_is_taken_or_wanted_without_room() -> None:
    assembler = Assembler(TEN, ahead=2)
    assembler.add("a", records(35), now=0)
    assert taken(assembler, now=0) == [("a", 10), ("a", 10)]
    assert not assembler.wants("a")
    assert assembler.wants("b")
    assembler.done("a")
    assert taken(assembler, now=0) == [("a", 10)]
    assembler.done("a")
    assembler.done("a")
    assert assembler.wants("a")
    assert taken(assembler, now=5) == [("a", 5)]


def test_a_batch_is_full_by_octets_and_a_larger_record_goes_alone() -> None:
    assembler = Assembler(TEN, ahead=9, octets=100)
    assembler.add("a", records(1, octets=99), now=0)
    assert assembler.wants("a")
    assert taken(assembler, now=9) == [("a", 1)]
    assembler.add("a", records(3, octets=40), now=9)
    assert not assembler.wants("a")
    assembler.add("a", records(1, octets=500), now=9)
    assert taken(assembler, now=9) == [("a", 2), ("a", 1), ("a", 1)]
    assert assembler.wants("a")


def test_the_rest_ends_when_the_batch_before_is_long_enough_ago() -> None:
    assembler = Assembler({"a": Batch(10, 0.5)}, ahead=2)
    assert assembler.rest(now=0) == 1.0
    assembler.add("a", records(1), now=0)
    assert assembler.rest(now=0) == SETTLE
    assert taken(assembler, now=1) == [("a", 1)]
    assembler.add("a", records(1), now=1)
    assert assembler.rest(now=1.25) == 0.25
    assert assembler.rest(now=9) == 0.0
    assert taken(assembler, now=9) == [("a", 1)]
    assembler.add("a", records(1), now=9)
    assert assembler.rest(now=9.9) == 1.0, "there is no room"


def test_what_is_forgotten_makes_room_once() -> None:
    assembler = Assembler(TEN, ahead=1)
    assembler.add("a", records(15), now=0)
    assert taken(assembler, now=0) == [("a", 10)]
    assembler.clear()
    assembler.done("a")
    assert taken(assembler, now=9) == []
    assembler.add("a", records(25), now=9)
    assert taken(assembler, now=9) == [("a", 10)]


def test_what_is_read_again_waits_neither_for_batches_from_before_nor_for_their_time() -> None:
    assembler = Assembler(TEN, ahead=1)
    assembler.add("a", records(10), now=0)
    assert taken(assembler, now=0) == [("a", 10)]
    assert not assembler.wants("a")
    assembler.clear()
    assert assembler.wants("a")
    assembler.add("a", records(3), now=0.1)
    assert taken(assembler, now=0.1 + SETTLE) == [("a", 3)]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), max_size=20))
def test_every_record_comes_out_once_and_in_order(reads: list[tuple[int, int]]) -> None:
    assembler, read, came = Assembler(TEN, octets=200), 0, list[int]()
    for now, (count, octets) in enumerate(reads):
        assembler.add("a", records(count, octets, read), now)
        read += count
        for topic, batch in assembler.take(now):
            assert len(batch) <= TEN[topic].size
            came += [record.offset for record in batch]
            assembler.done(topic)
    for _ in range(read):
        for topic, batch in assembler.take(1e9):
            came += [record.offset for record in batch]
            assembler.done(topic)
    assert came == list(range(read))
