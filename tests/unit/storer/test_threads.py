"""Threads: pure decisions."""

import random
from itertools import count, permutations

from msgspec.structs import replace

from services.common.events import EmailParsed
from services.storer.threads import Ref, cut, join, parts, refs
from tests.fakes.mail_events import message, parsed, place


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


def test_of_threads_that_become_one_the_largest_stays() -> None:
    known = {("work", "x"): 7, ("work", "y"): 3, ("work", "z"): 9}
    joined = join([ids("x", "y"), ids("z", "x")], known, count(100), {7: 2, 3: 1, 9: 5})
    assert joined.merged == {7: 9, 3: 9}
    assert set(joined.of.values()) == {9}


def test_any_order_in_one_batch_gives_one_thread() -> None:
    mails = [ids("a"), ids("b", "a"), ids("c", "b"), ids("d", "x", "c"), ids("x")]
    for order in permutations(mails):
        joined = join(order, {}, count(1))
        assert len(set(joined.of.values())) == 1
    assert set(join([*mails, ids("alone")], {}, count(1)).of.values()) == {1, 2}


async def test_a_mail_joins_by_its_own_id_its_root_and_its_parent_and_by_no_others() -> None:
    event, _ = await parsed(message().as_bytes())
    ids_of = {"message_id": ("own", "other"), "references": ("root", "between", "last"), "in_reply_to": ("to", "more")}
    assert refs(replace(event, email=replace(event.email, **ids_of))) == [
        ("work", each) for each in ("own", "root", "last", "to")
    ]
    again = {"message_id": ("\x00",), "references": ("root",), "in_reply_to": ("root",)}
    assert refs(replace(event, email=replace(event.email, **again))) == [("work", "root")]
    nothing = {"message_id": None, "references": None, "in_reply_to": None}
    assert refs(replace(event, email=replace(event.email, **nothing))) == []


def test_an_id_is_cut_at_a_whole_character() -> None:
    assert len(cut("合" * 3000).encode()) == 999
    assert cut("a@b") == "a@b"
    assert cut("a\ud800@b") == "a@b"


async def replying(answers: dict[str, str]) -> list[EmailParsed]:
    """Mail by Message-ID, each with the id that it answers, in a random order."""
    template, _ = await parsed(message(Message_ID="<a@x>").as_bytes())
    made = [
        replace(
            template,
            email=replace(template.email, message_id=(own,) if own else None, references=(to,) if to else None),
            contentsha256=f"{own}{number}",
            place=place(number + 1),
        )
        for number, (own, to) in enumerate(answers.items())
    ]
    random.Random(7).shuffle(made)
    return made


async def test_no_two_parts_share_an_id() -> None:
    events = await replying({f"m{number}": f"m{number - number % 4}" for number in range(200)} | {"": ""})
    made = parts(events, 50)
    assert [len(part) for part in made] == [52, 52, 52, 45]
    assert sorted(event.contentsha256 for part in made for event in part) == sorted(e.contentsha256 for e in events)
    named = [{ref for event in part for ref in refs(event)} for part in made]
    assert sum(map(len, named)) == len(set.union(*named)) == 200


async def test_messages_of_one_place_or_one_content_are_in_one_part_in_their_order() -> None:
    events = await replying({f"m{number}@x": f"r{number}@x" for number in range(60)})
    late = replace(events[-1], place=events[0].place)
    copy = replace(events[-2], contentsha256=events[3].contentsha256)
    made = parts([*events[:-2], copy, late], 10)
    (first,) = (part for part in made if late in part)
    assert first.index(events[0]) < first.index(late)
    assert [copy in part for part in made] == [events[3] in part for part in made]


async def test_one_conversation_is_one_part_however_long() -> None:
    events = await replying({f"m{number}": f"m{number - 1}" for number in range(300)})
    assert [len(part) for part in parts(events, 50)] == [300]
    assert parts([], 50) == []


async def test_a_long_text_counts_as_several_messages() -> None:
    events = await replying({f"m{number}@x": f"r{number}@x" for number in range(60)})
    long = replace(
        events[0].email, body_values={}, mailweir=replace(events[0].email.mailweir, derived_text="合" * 99_999)
    )
    assert [len(part) for part in parts(events, 20)] == [20, 20, 20]
    heavy = [replace(event, email=replace(event.email, mailweir=long.mailweir)) for event in events]
    assert {len(part) for part in parts(heavy, 20)} == {3}
