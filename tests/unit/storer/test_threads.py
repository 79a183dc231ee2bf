"""Threads: pure decisions."""

from itertools import count, permutations

from services.storer.threads import Ref, cut_id, join


def ids(*names: str) -> list[Ref]:
    return [("work", name) for name in names]


def test_replies_find_each_other_and_a_late_parent_joins() -> None:
    first = join([ids("b", "a")], {}, count(1))
    second = join([ids("c", "a")], dict(first.of), count(10))
    parent = join([ids("a")], {**first.of, **second.of}, count(20))
    assert set(second.of.values()) == set(parent.of.values()) == {1}
    assert second.fresh == (("work", "c"),)
    assert not parent.merged


def test_a_message_that_names_two_threads_makes_them_one() -> None:
    known = {("work", "x"): 7, ("work", "y"): 3, ("work", "z"): 9}
    joined = join([ids("new", "x", "y"), ids("z"), ids("other", "z", "x")], known, count(100))
    assert joined.merged == {7: 3, 9: 3}
    assert set(joined.of.values()) == {3}


def test_any_order_in_one_batch_gives_one_thread() -> None:
    mails = [ids("a"), ids("b", "a"), ids("c", "b"), ids("d", "x", "c"), ids("x")]
    for order in permutations(mails):
        joined = join(order, {}, count(1))
        assert len(set(joined.of.values())) == 1
    assert set(join([*mails, ids("alone")], {}, count(1)).of.values()) == {1, 2}


def test_an_id_is_cut_at_a_whole_character() -> None:
    assert len(cut_id("合" * 3000).encode()) == 999
    assert cut_id("a@b") == "a@b"
