"""The commit rule, against a model: never above the lowest delivered record that is not acknowledged."""

from hypothesis import given
from hypothesis import strategies as st

from services.common.runtime.kafka.offsets import CommitPosition


def position(delivered: list[int], acknowledged: list[int]) -> int | None:
    commit = CommitPosition()
    for offset in delivered:
        commit.delivered(offset)
    for offset in acknowledged:
        commit.acknowledged(offset)
    return commit.position


def test_a_hole_of_one_is_never_stepped_over() -> None:
    twenty = list(range(20))
    for never, expected in (({0}, 0), ({3}, 3), ({5}, 5), ({10, 12}, 10), ({3, 4}, 3), (set(), 20)):
        assert position(twenty, [offset for offset in twenty if offset not in never]) == expected


def test_offsets_that_never_existed_are_no_holes() -> None:
    assert position([5, 9, 40], [5, 9]) == 40
    assert position([5, 9, 40], [40, 9, 5]) == 41


def test_a_partition_that_ends_without_a_record_is_committed_to_its_end() -> None:
    commit = CommitPosition()
    assert (commit.position, commit.expected) == (None, None)
    commit.delivered(5)
    commit.read(8)
    assert (commit.position, commit.expected) == (5, 8)
    commit.acknowledged(5)
    assert commit.position == 8
    commit.delivered(8)
    assert (commit.position, commit.expected) == (8, 9)
    commit.read(2)
    commit.delivered(2)
    assert (commit.position, commit.expected) == (2, 3), "reading went back below all that was done"


def test_reading_that_goes_back_opens_records_again() -> None:
    commit = CommitPosition()
    for offset in (5, 6, 7):
        commit.delivered(offset)
    commit.acknowledged(7)
    for offset in (6, 7):
        commit.delivered(offset)
    commit.acknowledged(5)
    commit.acknowledged(6)
    assert commit.position == 7
    commit.acknowledged(7)
    assert commit.position == 8


@given(st.sets(st.integers(0, 60), max_size=40), st.data())
def test_the_position_is_that_of_the_model_after_every_step(offsets: set[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(offsets)))
    commit = CommitPosition()
    for offset in sorted(offsets):
        commit.delivered(offset)
    done: set[int] = set()
    for offset in order:
        commit.acknowledged(offset)
        done.add(offset)
        assert commit.position == min(offsets - done, default=max(offsets) + 1)
