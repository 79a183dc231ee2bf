"""The server works while messages are delivered: sizes are asked for slice by slice, news before all is delivered."""

import asyncio
import re

import pytest

from services.common.events import MessageFetched
from tests.fakes.imap_model import Mailbox, Script, messages, on, says
from tests.integration.poller.conftest import Play, inbox

SIZES = "(UID RFC822.SIZE)"
REFUSALS = ["NO no sizes", "BAD no sizes"]
CONDSTORE = ("IMAP4rev1", "CONDSTORE")


def asked(p: Play) -> list[tuple[str, str]]:
    """What sizes and bodies were asked for, in order, as ("sizes" or "bodies", UIDs)."""
    lines = [line for line in p.server.commands("UID FETCH") if SIZES in line or line.endswith("BODY.PEEK[])")]
    return [("sizes" if SIZES in line else "bodies", line.split()[2]) for line in lines]


async def test_a_few_hundred_messages_cost_one_question_for_sizes(play):
    async with play(Script({b"INBOX": Mailbox(messages(1000))}), accept_seen=True) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [uids for what, uids in asked(p) if what == "sizes"] == ["1:1000"]


async def test_the_newest_bodies_are_asked_for_before_the_sizes_of_older_messages(play):
    async with play(Script({b"INBOX": Mailbox(messages(2100))}), accept_seen=True, batch_messages=200) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        questions = asked(p)
        assert questions[:4] == [
            ("sizes", "1901:2100"), ("bodies", "1901:2100"), ("sizes", "1001:1900"), ("bodies", "1801:1900")
        ]  # fmt: skip
        assert [uids for what, uids in questions if what == "sizes"] == ["1901:2100", "1001:1900", "1:1000"]


async def test_large_messages_of_every_slice_are_asked_for_alone_and_last(play):
    script = Script({b"INBOX": Mailbox(messages(1100))})
    for uid in (1090, 500, 7):
        inbox(script).messages[uid - 1].raw += b"x" * 60_000
    async with play(script, accept_seen=True, batch_bytes=50_000) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [uids for _, uids in asked(p)[-3:]] == ["1090", "500", "7"]


async def test_one_above_the_limit_is_quarantined_unasked_in_whichever_slice_it_is(play):
    script = Script({b"INBOX": Mailbox(messages(1100))})
    for uid in (1090, 7):
        inbox(script).messages[uid - 1].raw += b"x" * 200_000
    async with play(script, accept_seen=True, max_message_bytes=100_000) as p:
        assert (await p.sync()).exit_code == 3
        assert p.quarantined() == {1090: "too-large", 7: "too-large"}
        assert len(p.stored) == 1098
        assert all(re.search("[:,]", uids) for what, uids in asked(p) if what == "bodies")


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_sizes_that_are_refused_are_not_asked_for_again(play, refusal):
    script = Script({b"INBOX": Mailbox(messages(2100))})
    script.hooks.append(on("UID FETCH", says(refusal), has=SIZES))
    async with play(script, accept_seen=True) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [what for what, _ in asked(p)].count("sizes") == 1


@pytest.mark.parametrize(("new", "questions"), [(1, []), (1000, []), (1001, ["804:1003", "3:803"])])
async def test_sizes_of_new_mail_come_with_its_listing_unless_there_is_much(play, new, questions):
    script = Script({b"INBOX": Mailbox(messages(2))}, capabilities=CONDSTORE)
    async with play(script, accept_seen=True) as p:
        await p.sync()
        before = len(asked(p))
        for _ in range(new):
            inbox(script).deliver(b"Subject: new\r\n\r\nnew\r\n")
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [uids for what, uids in asked(p)[before:] if what == "sizes"] == questions


async def test_new_mail_above_the_limit_is_quarantined_unasked(play):
    script = Script({b"INBOX": Mailbox(messages(2))}, capabilities=CONDSTORE)
    async with play(script, accept_seen=True, max_message_bytes=100_000) as p:
        await p.sync()
        for octets in (10, 200_000, 20):
            inbox(script).deliver(b"Subject: new\r\n\r\n" + b"x" * octets)
        before = len(asked(p))
        assert (await p.sync()).exit_code == 3
        assert p.quarantined() == {4: "too-large"}
        assert asked(p)[before:] == [("bodies", "3,5")]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_new_mail_is_listed_without_sizes_where_they_are_refused(play, refusal):
    hooks = [on("UID FETCH", says(refusal), has="RFC822.SIZE)")]
    async with play(Script({b"INBOX": Mailbox(messages(2))}, capabilities=CONDSTORE, hooks=hooks)) as p:
        await p.sync()
        inbox(p.server.script).deliver(b"Subject: new\r\n\r\nnew\r\n")
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert any(line.endswith("3:* (UID FLAGS)") for line in p.server.commands("UID FETCH"))


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_sizes_that_are_refused_are_asked_for_once_on_a_connection(play, refusal):
    hooks = [on("UID FETCH", says(refusal), has="RFC822.SIZE")]
    boxes = {b"INBOX": Mailbox(messages(5)), b"Work": Mailbox(messages(5), uidvalidity=3)}
    async with play(Script(boxes, capabilities=CONDSTORE, hooks=hooks)) as p:
        for connection in (1, 2):
            assert (await p.sync()).exit_code == 0
            assert p.complete()
            assert sum("RFC822.SIZE" in line for number, line in p.server.record if number == connection) == 1
            for box in boxes.values():
                box.deliver(b"Subject: new\r\n\r\nnew\r\n")


async def test_unread_mail_below_a_slice_without_any_is_looked_at_before_it_is_fetched(play):
    script = Script({b"INBOX": Mailbox(messages(1100))}, peek_sets_seen=True)
    for message in inbox(script).messages[50:]:
        message.flags.add("\\Seen")
    async with play(script) as p:
        result = await p.sync()
        assert "marks messages as read" in result.failure
        assert {uid for _, _, uid in p.stored} == {48, 49, 50, *range(901, 1101)}


async def test_news_is_asked_for_while_the_last_bodies_are_delivered(play):
    script, asked = Script({b"INBOX": Mailbox(messages(5))}), asyncio.Event()
    script.hooks.append(on("NOOP", lambda _command, _reply: asked.set()))
    async with play(script, accept_seen=True) as p:
        publish = p.recorder.publish

        async def slow(events):
            if any(isinstance(event, MessageFetched) for event in events):
                async with asyncio.timeout(5):
                    await asked.wait()
            await publish(events)

        p.recorder.publish = slow
        assert (await p.sync()).exit_code == 0
        assert p.complete()
