"""Scenario 20: a server that marks mail as read although it is only looked at."""

from sqlalchemy import text

from services.common.events import AccountReported, MessageFetched
from tests.fakes.imap_model import Command, Mailbox, Reply, Script, messages, on, sample, says
from tests.fakes.imap_scenarios import QRESYNC
from tests.fakes.imap_variants_sly import frozen_view
from tests.integration.poller.conftest import Play, inbox


def marking() -> Script:
    return Script({b"INBOX": Mailbox(messages(10)), b"Old": Mailbox(messages(4))}, peek_sets_seen=True)


async def test_fetching_stops_after_three_marked_messages(play):
    async with play(marking()) as p:
        result = await p.sync()
        assert result.exit_code == 3
        assert "marks messages as read" in result.failure
        assert "accept_seen=true" in result.advice
        assert len(p.stored) == 3
        assert (p.recorder.of(AccountReported)[-1].state, p.signin()) == ("attention", "ok")


async def test_a_session_that_does_not_see_the_mark_is_not_believed(play):
    async with play(frozen_view(marking())) as p:
        result = await p.sync()
        assert result.exit_code == 3
        assert "marks messages as read" in result.failure
        assert len(p.stored) == 3


async def test_mail_that_comes_during_the_look_is_fetched_in_the_same_run(play):
    script = Script({b"INBOX": Mailbox(messages(10))})

    def deliver(_command: Command, reply: Reply) -> None:
        inbox(script).deliver(sample(50))
        reply.untagged.append(b"* 11 EXISTS\r\n")

    script.hooks.append(on("UID FETCH", deliver, has="BODY.PEEK[]", times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_look_that_the_server_does_not_answer_proves_nothing(play):
    script = marking()
    script.hooks.append(on("UID FETCH", says("NO not now"), has="(UID FLAGS)", skip=1, times=1))
    async with play(script) as p:
        result = await p.sync()
        assert "marks messages as read" in result.failure


async def test_later_runs_fetch_nothing_more_but_say_what_is_missing(play):
    script = marking()
    async with play(script) as p:
        await p.sync()
        inbox(script).deliver(sample(11))
        assert (await p.sync()).exit_code == 3
        assert len(p.stored) == 3
        with p.engine.connect() as connection:
            query = text("SELECT sum(missing) FROM completeness WHERE account = :account")
            assert connection.execute(query, {"account": p.slug}).scalar() == 12


async def test_an_owner_who_accepts_it_gets_everything(play):
    async with play(marking()) as p:
        await p.sync()
        assert (await p.sync(accept_seen=True)).exit_code == 0
        assert p.complete()


async def test_a_server_that_was_mended_is_found_so_after_a_week(play):
    script = marking()
    async with play(script) as p:
        await p.sync()
        script.peek_sets_seen = False
        for message in [*inbox(script).messages, *script.mailboxes[b"Old"].messages]:
            message.flags.clear()
        assert (await p.sync()).exit_code == 3
        a_week_ago(p)
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_mail_that_its_owner_reads_meanwhile_is_no_alarm(play):
    script = Script({b"INBOX": Mailbox(messages(10))})

    def owner_reads(_command: Command, _reply: Reply) -> None:
        inbox(script).messages[-1].flags.add("\\Seen")

    script.hooks.append(on("UID FETCH", owner_reads, has="BODY.PEEK[]"))
    async with play(script) as p:
        result = await p.sync()
        assert (result.exit_code, result.failure) == (0, "")
        assert p.complete()


def a_week_ago(p: Play) -> None:
    query = text("UPDATE server_habits SET noticed_at = noticed_at - interval '7 days' WHERE account = :account")
    with p.engine.begin() as connection:
        connection.execute(query, {"account": p.slug})


async def test_a_folder_that_takes_the_name_of_another_during_the_look_is_not_taken_for_it(play):
    boxes = {name: Mailbox(messages(4, first=n), uidvalidity=7, uidnext=30, mailboxid=f"M{n}")
             for n, name in ((1, b"INBOX"), (5, b"One"), (9, b"Two"))}  # fmt: skip
    boxes[b"INBOX"].messages.clear()
    for uid, message in enumerate(boxes[b"Two"].messages, 5):
        message.uid = uid
    script = Script(boxes, capabilities=QRESYNC)

    def swap(*_: object) -> None:
        boxes[b"One"], boxes[b"Two"] = boxes[b"Two"], boxes[b"One"]

    script.hooks.append(on("UID FETCH", swap, has="BODY.PEEK[]", times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        fetched = {(event.place.folderid, event.body) for event in p.recorder.of(MessageFetched)}
        together = [{body for each, body in fetched if each == folder} for folder, _ in fetched]
        whole = [{message.raw for message in boxes[name].messages} for name in (b"One", b"Two")]
        assert whole[0] in together
        assert whole[1] in together
        assert all(bodies <= whole[0] or bodies <= whole[1] for bodies in together)
