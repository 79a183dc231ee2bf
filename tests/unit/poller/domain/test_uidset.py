"""UidSet behaves as set[int] does, whatever the ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.poller.domain.uidset import EMPTY, MAX_UID, Gathering, UidSet

SETS = st.sets(st.integers(1, 60), max_size=40)


@given(SETS, SETS)
def test_algebra(a: set[int], b: set[int]) -> None:
    left, right = UidSet.of(a), UidSet.of(b)
    assert set(left | right) == a | b
    assert set(left & right) == a & b
    assert set(left - right) == a - b
    assert (left == right) == (a == b)
    assert len(left) == len(a)
    assert bool(left) == bool(a)
    assert all((uid in left) == (uid in a) for uid in range(62))


@given(SETS)
def test_forms(uids: set[int]) -> None:
    whole = UidSet.of(uids)
    assert UidSet.parse(whole.text()) == whole
    assert UidSet.from_multirange(whole.multirange()) == whole
    assert UidSet.from_ranges(reversed([(high, low) for low, high in whole.ranges])) == whole
    assert list(whole) == sorted(uids)
    assert all(low > before + 1 for (_, before), (low, _) in zip(whole.ranges, whole.ranges[1:], strict=False))


@given(SETS, st.integers(1, 9))
def test_chunks_and_newest(uids: set[int], size: int) -> None:
    parts = list(UidSet.of(uids).chunks(size))
    assert [uid for part in parts for uid in part] == sorted(uids)
    assert all(0 < len(part) <= size for part in parts)
    assert UidSet.of(uids).newest(size) == UidSet.of(sorted(uids)[-size:])


@pytest.mark.parametrize("text", ["0", "1:", "*", "a", "1,,2", "4294967296", "-1", "1.5", " 1", "٣"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a UID"):
        UidSet.parse(text)


@pytest.mark.parametrize("text", ["", "{", "[1,4)", "{[1,4)", "[1,4)}", "empty"])
def test_only_a_multirange_is_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a multirange"):
        UidSet.from_multirange(text)


def test_the_bounds_of_uids_are_uids() -> None:
    assert set(UidSet.parse("1,4294967295")) == {1, MAX_UID}
    assert UidSet.from_multirange(UidSet.of([MAX_UID]).multirange()) == UidSet.of([MAX_UID])


def test_equal_ends_are_not_enough_to_be_equal() -> None:
    assert UidSet.parse("1:3") != UidSet.parse("2:3")
    assert UidSet.parse("1:2") != UidSet.parse("1:3")
    assert UidSet.parse("1:3") != "1:3"


def test_ten_million_uids_are_one_range() -> None:
    many = UidSet.range(1, 10_000_000) - UidSet.of([5_000_000])
    assert len(many) == 9_999_999
    assert many.ranges == ((1, 4_999_999), (5_000_001, 10_000_000))
    assert UidSet.range(1, MAX_UID) & UidSet.of([7]) == UidSet.of([7])
    assert UidSet.range(2, 1) == EMPTY
    assert (many.lowest, many.highest) == (1, 10_000_000)


@given(st.lists(st.integers(1, 40)))
def test_gathering_gives_the_set_of_what_it_took(uids):
    gathering = Gathering()
    for uid in uids:
        gathering.add(uid)
    assert gathering.result() == UidSet.of(uids)
