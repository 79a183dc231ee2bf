"""What comes behind the answer to EXAMINE, or before the old folder is closed, is not part of that answer."""

import pytest

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import ConnectionLost, Refused
from services.poller.imap.foresight import Foresight
from services.poller.passes.enumerate import enumerate_all
from tests.fakes.imap_model import adds, on, sample, says
from tests.unit.poller.imap.test_ahead import ALL, as_ever, server_of, signed_in

BEHIND = b"* 4 EXISTS\r\n* OK [UIDNEXT 99] x\r\n* OK [HIGHESTMODSEQ 77] x\r\n* 1 EXPUNGE\r\n* VANISHED 2\r\n"
AHEAD = pytest.mark.parametrize("foresight", [Foresight(), None])


def behind(data):
    return lambda _command, reply: setattr(reply, "after", data)


def of_inbox(server):
    return server.script.mailboxes[b"INBOX"]


@AHEAD
async def test_counters_are_those_of_the_moment_of_opening_and_the_rest_is_news(play, foresight):
    async with signed_in(play, server_of(on("EXAMINE", behind(BEHIND))), foresight) as (session, _):
        opened = await session.examine(b"Work", condstore=True, then=("FLAGS",))
        assert [listing.uid async for listing in session.fetch_listing(ALL)] == [1, 2]
        news = session.take_events()
        assert (opened.exists, opened.uidnext, opened.highestmodseq) == (2, 3, 1)
        assert (news.exists, news.expunged, news.vanished) == (3, 1, UidSet.of([2]))


async def test_a_folder_that_was_opened_ahead_and_is_numbered_anew_is_not_read_any_more(play):
    script = server_of(on("EXAMINE", behind(b"* OK [UIDVALIDITY 99] anew\r\n")))
    with pytest.raises(ConnectionLost):
        async with signed_in(play, script) as (session, _):
            await as_ever(session)


async def test_another_folder_than_the_one_opened_ahead_has_a_uidvalidity_of_its_own(play):
    async with signed_in(play, server_of()) as (session, _):
        assert (await session.examine(b"Work")).uidvalidity == 7


@AHEAD
async def test_what_is_said_before_the_last_folder_is_closed_is_about_that(play, foresight):
    lines = ["* 9 EXISTS", "* OK [HIGHESTMODSEQ 500] x", "* OK [UIDNEXT 88] x", "* OK [CLOSED] x"]
    script = server_of(on("EXAMINE", adds(*lines), has="Work"))
    script.mailboxes[b"Work"].nomodseq, script.mailboxes[b"Work"].uidnext = True, 0
    async with signed_in(play, script, foresight) as (session, _):
        await session.examine(b"INBOX", condstore=True)
        opened = await session.examine(b"Work", condstore=True, then=("FLAGS",))
        assert (opened.exists, opened.uidnext, opened.highestmodseq) == (2, None, None)


async def test_a_listing_behind_an_opening_that_was_refused_is_nobodys(play):
    script = server_of(on("EXAMINE", says("NO not now"), has="Work"), count=5)
    script.hooks.append(on("UID FETCH", adds("* 1 FETCH (UID 900 FLAGS ())"), times=1))
    async with signed_in(play, script, Foresight()) as (session, server):
        await session.examine(b"INBOX", condstore=True)
        with pytest.raises(Refused):
            await session.examine(b"Work", then=("FLAGS",))
        assert (session.opened, (await session.examine(b"INBOX")).exists) == (None, 5)
        assert [listing.uid async for listing in session.fetch_listing(ALL)] == [1, 2, 3, 4, 5]
        assert len(server.commands("UID FETCH")) == 2


async def test_opening_the_folder_anew_forgets_no_news(play):
    async with signed_in(play, server_of(on("NOOP", adds("* VANISHED 2"))), Foresight()) as (session, server):
        await session.enable("QRESYNC")
        await session.examine(b"INBOX", condstore=True)
        await session.poke()
        of_inbox(server).deliver(sample(9))
        await session.reopen(UidSet.of([1]))
        await session.reopen(UidSet.of([2]))
        news = session.take_events()
        assert (news.exists, news.vanished) == (4, UidSet.of([2]))


async def test_as_many_as_before_are_counted_anew_where_some_went(play):
    async with signed_in(play, server_of(on("NOOP", adds("* VANISHED 2"))), Foresight()) as (session, server):
        await session.enable("QRESYNC")
        opened = await session.examine(b"INBOX", condstore=True)
        of_inbox(server).expunge(2)
        await session.poke()
        of_inbox(server).deliver(sample(9))
        await session.reopen()
        news = session.take_events()
        assert (opened.exists, news.exists, news.vanished, news.since) == (3, 3, UidSet.of([2]), UidSet.of([]))


@pytest.mark.parametrize(
    ("told", "read", "flagged"),
    [
        (b"* 2 FETCH (UID 2 FLAGS ())\r\n", [], [1, 2, 3]),
        (b"* 2 FETCH (UID 2 MODSEQ (9))\r\n", [2], [1, 2, 3]),
        (b"* 2 FETCH (FLAGS ())\r\n", [2], [1, 2, 3]),
    ],
)
async def test_flags_that_change_while_they_are_listed_are_those_told_last(play, told, read, flagged):
    script = server_of(on("UID FETCH", adds(told.rstrip(), first=False)))
    async with signed_in(play, script) as (session, server):
        of_inbox(server).messages[1].flags = {"\\Seen"}
        opened = await session.examine(b"INBOX", condstore=True)
        listed = await enumerate_all(session, opened.exists, UidSet.of([]))
        assert (list(listed.flags.get("\\Seen", [])), list(listed.flagged)) == (read, flagged)


async def test_a_message_listed_without_flags_has_not_lost_them(play):
    def silent(_command, reply):
        reply.untagged[0] = b"* 1 FETCH (UID 1)\r\n"

    async with signed_in(play, server_of(on("UID FETCH", silent))) as (session, _):
        opened = await session.examine(b"INBOX", condstore=True)
        listed = await enumerate_all(session, opened.exists, UidSet.of([]))
        assert (list(listed.uids), list(listed.flagged)) == ([1, 2, 3], [2, 3])
