"""Scenarios 1, 3 and 4: plain IMAP4rev1, UIDVALIDITY in all its moods, UIDNEXT that lies."""

import pytest
from sqlalchemy import text

from services.common.events import FlagsChanged, MessagesVanished, UidValidityChanged
from tests.fakes.imap_model import Mailbox, Message, Script, changes, folder, messages, on, sample
from tests.integration.poller.conftest import inbox


async def test_first_import_new_mail_flags_and_expunge(play):
    script = Script({b"INBOX": Mailbox(messages(250)), folder("已发送"): Mailbox(messages(3), uidvalidity=7)})
    async with play(script) as p:
        result = await p.sync()
        assert (result.exit_code, p.complete()) == (0, True)
        inbox(script).messages[4].flags.add("\\Seen")
        inbox(script).deliver(sample(900))
        inbox(script).expunge(1, 2)
        result = await p.sync()
        assert result.exit_code == 0
        assert len(p.stored) == 254
        assert [event.uids for event in p.recorder.of(MessagesVanished)] == ["1:2"]
        assert [(c.uids, c.flags) for e in p.recorder.of(FlagsChanged) for c in e.changes] == [("5", ("\\Seen",))]
        assert (p.report().vanished, p.report().missing, p.report().published) == (2, 0, 251)


async def test_nothing_new_fetches_nothing(play):
    script = Script({b"INBOX": Mailbox(messages(20))})
    async with play(script) as p:
        await p.sync()
        before = len(p.server.commands("UID FETCH"))
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert not [line for line in p.server.commands("UID FETCH")[before:] if "BODY.PEEK[]" in line]


@pytest.mark.parametrize("step", range(1, 15))
async def test_a_crash_after_any_command_is_made_good(play, step):
    script = Script({b"INBOX": Mailbox(messages(30)), b"Archive": Mailbox(messages(5), uidvalidity=9)})
    script.hooks.append(on("*", lambda _c, r: setattr(r, "close", True), skip=step, times=1))
    async with play(script, batch_messages=10) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("new", [1_700_000_001, 1_600_000_000])
async def test_new_uidvalidity_is_a_new_epoch(play, new):
    script = Script({b"INBOX": Mailbox(messages(5))})
    async with play(script) as p:
        await p.sync()
        inbox(script).uidvalidity = new
        assert (await p.sync()).exit_code == 0
        assert {place for place in p.stored if place[1] == new} == {("INBOX", new, uid) for uid in range(1, 6)}
        assert set(p.recorder.times.values()) == {1}
        first, last = p.recorder.of(UidValidityChanged)
        assert (first.olduidvalidity, first.uidvalidity, first.epoch, first.gone) == (1_700_000_000, new, 2, 5)
        assert (last.relinked, last.refetched) == (0, 5)


async def test_missing_uidvalidity_still_retrieves(play):
    script = Script({b"INBOX": Mailbox(messages(5), uidvalidity=None)})
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        inbox(script).deliver(sample(77))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_uidvalidity_that_flaps_reuses_its_epochs(play):
    script = Script({b"INBOX": Mailbox(messages(5))})
    async with play(script) as p:
        for value in (1_700_000_000, 1_700_000_001, 1_700_000_000, 1_700_000_001):
            inbox(script).uidvalidity = value
            assert (await p.sync()).exit_code == 0
        assert len(p.stored) == 10
        assert set(p.recorder.times.values()) == {1}
        assert (p.report().missing, p.report().vanished) == (0, 0)


@pytest.mark.parametrize("uidnext", [0, 2, 1000])
async def test_uidnext_missing_too_low_or_too_high(play, uidnext):
    script = Script({b"INBOX": Mailbox(messages(5), uidnext=uidnext)})
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        inbox(script).messages.append(Message(6, sample(6)))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_uidnext_going_down_over_the_same_content_changes_nothing(play):
    script = Script({b"INBOX": Mailbox(messages(5))})
    async with play(script) as p:
        await p.sync()
        inbox(script).uidnext = 3
        inbox(script).messages.append(Message(6, sample(6)))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_reused_uids_with_other_content_are_another_folder(play):
    script = Script({b"INBOX": Mailbox(messages(5))})
    async with play(script) as p:
        await p.sync()
        old = set(p.stored.values())
        inbox(script).messages = [Message(uid, sample(uid + 500)) for uid in range(1, 4)]
        assert (await p.sync()).exit_code == 0
        assert len({event.contentsha256 for event in p.recorder.events if hasattr(event, "body")} - old) == 3
        assert len({event.place.folderid for event in p.recorder.events if hasattr(event, "body")}) == 2


async def test_unknown_uid_below_uidnext_is_new(play):
    script = Script({b"INBOX": Mailbox(messages(5, first=10), uidnext=15)})
    async with play(script) as p:
        await p.sync()
        inbox(script).messages.insert(0, Message(3, sample(3)))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_uidvalidity_changes_between_two_looks(play):
    script = Script({b"INBOX": Mailbox(messages(5))})
    script.hooks.append(
        on(
            "EXAMINE",
            changes(lambda line: line.replace(b"UIDVALIDITY 1700000000", b"UIDVALIDITY 1600000000")),
            skip=1,
            times=1,
        )
    )
    async with play(script) as p:
        await p.sync()
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_reused_uids_without_any_sign_are_found_by_samples(play):
    script = Script({b"INBOX": Mailbox(messages(5))})
    async with play(script) as p:
        await p.sync()
        inbox(script).messages = [Message(uid, sample(uid + 500)) for uid in range(1, 6)]
        assert (await p.sync()).exit_code == 0
        assert len({event.contentsha256 for event in p.recorder.events if hasattr(event, "body")}) == 10
        assert p.stored.keys() == {("INBOX", 1_700_000_000, uid) for uid in range(1, 6)}


async def test_what_an_old_epoch_lacked_is_not_missing_for_ever(play):
    script = Script({b"INBOX": Mailbox(messages(5))})
    script.hooks.append(on("UID FETCH", lambda _c, r: setattr(r, "close", True), has="BODY.PEEK[]"))
    script.hooks.append(on("UID FETCH", lambda _c, r: r.untagged.clear(), has="BODY.PEEK[]"))
    async with play(script, attempts=1) as p:
        await p.sync()
        script.hooks.clear()
        inbox(script).uidvalidity = 1_700_000_009
        assert (await p.sync()).exit_code == 0
        query = text("SELECT epoch, missing FROM completeness WHERE account = :account ORDER BY epoch")
        with p.engine.connect() as connection:
            assert [tuple(row) for row in connection.execute(query, {"account": p.slug})] == [(1, 0), (2, 0)]
