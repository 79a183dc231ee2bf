"""Flags as sets per flag: the same answers as a dictionary of UIDs gives."""

import time

from hypothesis import given
from hypothesis import strategies as st

from services.common.events import FlagSet
from services.poller.domain.flags import LABEL, ROOM, Flags, changed, grouped, merged, packed
from services.poller.domain.uidset import EMPTY, UidSet

BY_UID = st.dictionaries(st.integers(1, 30), st.sets(st.sampled_from(["\\Seen", "\\Flagged", "work"])), max_size=20)


ALL = UidSet.range(1, 30)


def uids_of(group: FlagSet) -> UidSet:
    return UidSet.parse(group.uids)


def sets_of(by_uid: dict[int, set[str]]) -> dict[str, UidSet]:
    flags = Flags()
    for uid, having in by_uid.items():
        flags.add(uid, having)
    return flags.sets()


@given(BY_UID, BY_UID)
def test_changes_are_those_of_a_dictionary(before: dict[int, set[str]], after: dict[int, set[str]]) -> None:
    everyone = UidSet.range(1, 30)
    different = {uid for uid in range(1, 31) if before.get(uid, set()) != after.get(uid, set())}
    assert set(changed(sets_of(before), sets_of(after), everyone)) == different


@given(BY_UID)
def test_groups_tell_each_uid_once_with_its_flags(by_uid: dict[int, set[str]]) -> None:
    told = {
        uid: set(group.flags)
        for group in grouped(sets_of(by_uid), UidSet.of(by_uid))
        for uid in UidSet.parse(group.uids)
    }
    assert told == by_uid


@given(BY_UID, BY_UID)
def test_a_partial_look_leaves_the_others_alone(before: dict[int, set[str]], look: dict[int, set[str]]) -> None:
    state = merged(sets_of(before), sets_of(look), UidSet.of(look))
    expected = {**before, **look}
    assert state == sets_of(expected)


def test_recent_belongs_to_a_session() -> None:
    flags = Flags()
    flags.add(1, ("\\Recent", "\\Seen"))
    assert flags.sets() == {"\\Seen": UidSet.of([1])}
    assert grouped({}, EMPTY) == ()


def test_labels_are_told_beside_flags_where_the_server_has_any() -> None:
    flags = Flags()
    flags.add(1, ("\\Seen",), ("工作", "a b"))
    flags.add(2, (), ("工作",))
    flags.add(3, ())
    whole = {
        uid: (set(g.flags), set(g.labels)) for g in grouped(flags.sets(), ALL, labelled=True) for uid in uids_of(g)
    }
    assert whole == {uid: (set(), set()) for uid in range(1, 31)} | {
        1: ({"\\Seen"}, {"工作", "a b"}),
        2: (set(), {"工作"}),
    }
    assert {group.labels for group in grouped({"\\Seen": UidSet.of([1])}, ALL)} == {None}


def test_only_who_is_asked_about_has_changed() -> None:
    before, after = {"\\Seen": UidSet.range(1, 9)}, {"\\Seen": UidSet.range(5, 12)}
    assert changed(before, after, UidSet.range(3, 11)) == UidSet.parse("3:4,10:11")


def test_what_is_told_last_replaces_flags_and_labels_apart() -> None:
    flags = Flags()
    for uid in (1, 2, 3):
        flags.add(uid, ("\\Seen",), ("old",))
    flags.replace(1, ("\\Flagged",))
    flags.replace(2, None, ("new",))
    flags.replace(3, (), ())
    flags.replace(4, ("\\Seen",), ("new",))
    assert flags.sets() == {
        "\\Flagged": UidSet.of([1]),
        "\\Seen": UidSet.of([2, 4]),
        LABEL + "old": UidSet.of([1]),
        LABEL + "new": UidSet.of([2, 4]),
    }


def test_groups_are_packed_in_order_with_as_many_in_one_event_as_have_room() -> None:
    groups = [FlagSet(f"{number}", ("k" * (ROOM // 3),)) for number in range(1, 6)]
    whole = list(packed(groups))
    assert [[group.uids for group in event] for event in whole] == [["1", "2"], ["3", "4"], ["5"]]
    assert list(packed([])) == []
    huge = FlagSet("7", ("k" * (2 * ROOM),))
    assert list(packed([huge, huge])) == [(huge,), (huge,)]


def test_a_keyword_of_its_own_on_every_message_costs_no_more_than_its_share() -> None:
    own = {uid: {f"k{uid}", "\\Seen"} for uid in range(1, 2001)}
    everyone = UidSet.range(1, 2000)
    started = time.process_time()
    assert changed(sets_of({}), sets_of(own), everyone) == everyone
    assert len(grouped(sets_of(own), everyone)) == 2000
    assert time.process_time() - started < 5  # set by set it took 40
