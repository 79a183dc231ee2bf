"""Threads on a real Postgres: whatever the order of arrival, one conversation is one thread."""

import asyncio
import random

from services.common import topics
from services.common.events import Event
from tests.fakes.mail_events import message, parsed
from tests.integration.storer.conftest import Storer

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
