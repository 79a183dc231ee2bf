"""Threads on a real Postgres: whatever the order of arrival, one conversation is one thread."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from services.common import topics
from services.common.events import EmailParsed, Event
from services.storer import thread_rows
from services.storer.adapters import write_parsed
from services.storer.threads import Ref, refs
from tests.fakes.mail_events import message, parsed
from tests.integration.storer.conftest import Storer
from tests.polling import until_meanwhile

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
CONVERSATION = (("a", ""), ("b", "<a@x>"), ("c", "<a@x> <b@x>"), ("d", "<a@x> <b@x> <c@x>"), ("e", "<d@x>"))


async def mails(account: str = "work") -> list[Event]:
    made = []
    for uid, (name, references) in enumerate(CONVERSATION, 1):
        fields = {"Message_ID": f"<{name}@x>"} | ({"References": references} if references else {})
        made.append((await parsed(message(name, **fields).as_bytes(), uid, account=account))[0])
    return made


async def test_any_order_one_by_one_gives_one_thread(storer: Storer) -> None:
    for seed in range(5):
        chance, account = random.Random(seed), f"a{seed}"
        order = await mails(account)
        chance.shuffle(order)
        for event in order:
            await storer.take(topics.MAIL_PARSED, [event])
    found = storer.rows(
        "SELECT account_id, count(DISTINCT thread_id), count(thread_id) FROM emails GROUP BY account_id"
    )
    assert sorted(found) == [(f"a{seed}", 1, 5) for seed in range(5)]


async def test_two_writers_at_once_still_give_one_thread(storer: Storer) -> None:
    events = await mails()
    await asyncio.gather(*(storer.take(topics.MAIL_PARSED, [event]) for event in (events[4], events[0])))
    await asyncio.gather(*(storer.take(topics.MAIL_PARSED, [event]) for event in (events[2], events[3])))
    await storer.take(topics.MAIL_PARSED, [events[1]])
    assert storer.value("SELECT count(DISTINCT thread_id) FROM emails") == 1


async def test_what_joins_a_thread_that_is_being_merged_goes_with_it(storer: Storer) -> None:
    conversation = [("first", ""), ("second", "<first@x>"), ("third", "<first@x>"), ("a", ""), ("b", "<a@x>")]
    for uid, each in enumerate(conversation, 1):
        await storer.take(topics.MAIL_PARSED, [await reply(*each, uid)])
    late, joins = await reply("late", "<b@x>", 6), await reply("joins", "<first@x> <a@x>", 7)
    other = storer.engine.raw_connection()
    try:
        write_parsed(other.cursor(), [late])
        merging = asyncio.create_task(storer.take(topics.MAIL_PARSED, [joins]))
        await until_meanwhile(lambda: storer.value(WAITING) == 1, 30)
        other.commit()
    finally:
        other.close()
    assert await merging == []
    for table in ("emails", "thread_refs"):
        assert storer.rows(f"SELECT count(DISTINCT thread_id), count(thread_id) FROM {table}") == [(1, 7)]


@pytest.mark.parametrize("at_once", [2, 1_000])
async def test_a_long_conversation_that_takes_up_an_older_one_is_not_written_anew(
    storer: Storer, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(thread_rows, "_AT_ONCE", at_once)
    older = [await reply(f"old{number}", "<old0@x>", number) for number in range(1, 4)]
    longer = [await reply(f"new{number}", "<new0@x>", 10 + number) for number in range(1, 6)]
    await storer.take(topics.MAIL_PARSED, older)
    await storer.take(topics.MAIL_PARSED, longer)
    written = "SELECT xmin::text FROM emails WHERE message_id LIKE 'new%' ORDER BY id"
    before = storer.rows(written)
    await storer.take(topics.MAIL_PARSED, [await reply("both", "<old1@x> <new1@x>", 20)])
    assert storer.rows(written) == before
    for table, rows in (("emails", 9), ("thread_refs", 11)):
        assert storer.rows(f"SELECT count(DISTINCT thread_id), count(thread_id) FROM {table}") == [(1, rows)]


async def reply(name: str, references: str, uid: int) -> EmailParsed:
    """A message with its Message-ID and References."""
    fields = {"Message_ID": f"<{name}@x>"} | ({"References": references} if references else {})
    event, *_ = await parsed(message(name, **fields).as_bytes(), uid)
    assert isinstance(event, EmailParsed)
    return event


async def test_mail_without_any_id_has_a_thread_only_if_it_names_one(storer: Storer) -> None:
    mail, _ = await parsed(message("alone", Message_ID="<only@x>").as_bytes())
    other, _ = await parsed(message("other", Message_ID="<other@x>").as_bytes(), 2)
    await storer.take(topics.MAIL_PARSED, [mail, other])
    assert storer.value("SELECT count(DISTINCT thread_id) FROM emails") == 2


async def test_messages_that_refer_to_each_other_in_a_ring_are_one_thread(storer: Storer) -> None:
    ring = {"a": "<b@x>", "b": "<c@x>", "c": "<a@x>", "d": "<d@x> <c@x> <d@x>"}
    for uid, (name, references) in enumerate(ring.items(), 1):
        raw = message(name, Message_ID=f"<{name}@x>", References=references, In_Reply_To=f"<{name}@x>").as_bytes()
        assert await storer.take(topics.MAIL_PARSED, [(await parsed(raw, uid))[0]]) == []
    assert storer.rows("SELECT count(DISTINCT thread_id), count(thread_id) FROM emails") == [(1, 4)]


async def anything(chance: random.Random, uid: int) -> EmailParsed:
    """A message that names ids which others name, too, as its own or as another's; in one of two accounts."""
    names = [f"<m{chance.randrange(chance.choice((15, 200)))}@x>" for _ in range(5)]
    fields = {
        "References": " ".join(names[2 : chance.randrange(3, 6)]),
        "In_Reply_To": names[1],
        "Message_ID": names[0],
    }
    taken = {name: value for name, value in fields.items() if chance.random() < 0.6}
    event, *_ = await parsed(message(f"n{uid}", **taken).as_bytes(), uid, account=chance.choice("ab"))
    return event


def connected(events: Sequence[EmailParsed]) -> set[frozenset[str]]:
    """The model: contents in groups that are joined by what they name."""
    tops: dict[Ref, Ref] = {}

    def top(ref: Ref) -> Ref:
        while tops.setdefault(ref, ref) != ref:
            ref = tops[ref]
        return ref

    for event in events:
        for ref in refs(event):
            tops[top(ref)] = top(refs(event)[0])
    groups: dict[Ref, set[str]] = {}
    for event in events:
        groups.setdefault(top(refs(event)[0]), set()).add(event.contentsha256)
    return {frozenset(group) for group in groups.values()}


async def test_threads_are_what_is_connected_however_it_comes(storer: Storer) -> None:
    chance = random.Random(7)
    events = [await anything(chance, uid) for uid in range(1, 121)]
    order = chance.sample(events, len(events)) + chance.sample(events, 20)

    async def writer(part: Sequence[Event]) -> None:
        for start in range(0, len(part), 4):
            assert await storer.take(topics.MAIL_PARSED, part[start : start + 4]) == []

    await asyncio.gather(*(writer(order[number::3]) for number in range(3)))
    found = storer.rows("SELECT array_agg(content_sha256) FROM emails GROUP BY thread_id")
    assert {frozenset(group) for (group,) in found} == connected(events)
