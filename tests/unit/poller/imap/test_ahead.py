"""Commands sent ahead of their turn: what is read of them is what it would be if they were sent one by one."""

import asyncio
import contextlib

import pytest

from services.poller.domain.uidset import MAX_UID, UidSet
from services.poller.imap.errors import ImapError, OperationTimeout, Refused
from services.poller.imap.foresight import Foresight
from tests.fakes.imap_model import Mailbox, Reply, Script, closes, messages, on, says
from tests.polling import until_meanwhile
from tests.unit.poller.imap.conftest import QUICK, USER

NEW = ("IMAP4rev1", "ENABLE", "ID", "CONDSTORE", "QRESYNC", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE")
FIELDS = {"name": "Mailweir"}
ALL = UidSet.range(1, MAX_UID)
BURST = ["CAPABILITY", "ID", "ENABLE", "LIST", "EXAMINE"]


def server_of(*hooks, capabilities=NEW, told="ok", count=3):
    boxes = {b"INBOX": Mailbox(messages(count)), b"Work": Mailbox(messages(2), uidvalidity=7)}
    return Script(boxes, capabilities=capabilities, capability_in=told, hooks=list(hooks))


@contextlib.asynccontextmanager
async def signed_in(play, script, foresight=Foresight(FIELDS, inbox=True)):
    async with play(script, user=None, limits=QUICK) as (session, server):
        session.foresight = foresight
        await session.sign_in(USER)
        yield session, server


def names(server):
    return [line.split()[0] for line in server.commands()]


async def as_ever(session):
    """What the poller does after the sign-in, and what comes of it."""
    identified = await session.identify(FIELDS)
    enabled = await session.enable("QRESYNC")
    folders = await session.list_folders(status=True)
    opened = await session.examine(b"INBOX", condstore=True)
    listed = [listing.uid async for listing in session.fetch_listing(ALL)]
    return identified, enabled, folders, opened, listed


async def signed_in_as_ever(session):
    await session.sign_in(USER)
    return await as_ever(session)


async def one_by_one(play, script):
    async with signed_in(play, script, None) as (session, _):
        return await as_ever(session)


@pytest.mark.parametrize("told", ["ok", "untagged"])
async def test_all_is_on_its_way_before_it_is_asked_for(play, told):
    async with signed_in(play, server_of(told=told)) as (session, server):
        await until_meanwhile(lambda: names(server)[-1] == "EXAMINE")
        sent = names(server)
        assert sent[sent.index("LOGIN") + 1 :] == BURST
        await as_ever(session)
        assert names(server) == [*sent, "UID"]


@pytest.mark.parametrize("told", ["ok", "untagged", "greeting", "nowhere"])
async def test_the_outcome_is_that_of_one_by_one(play, told):
    expected = await one_by_one(play, server_of(told=told))
    async with signed_in(play, server_of(told=told)) as (session, _):
        assert await as_ever(session) == expected


async def test_nothing_is_sent_ahead_to_a_server_without_enable(play):
    old = tuple(name for name in NEW if name != "ENABLE")
    async with signed_in(play, server_of(capabilities=old)) as (session, server):
        await session.noop()
        assert names(server) == ["CAPABILITY", "LOGIN", "CAPABILITY", "NOOP"]


@pytest.mark.parametrize("answer", ["NO not you", "BAD what"])
@pytest.mark.parametrize("name", BURST)
async def test_a_refusal_means_what_it_means_one_by_one(play, name, answer):
    def refusing():
        return server_of(on(name, says(answer), skip=name == "CAPABILITY", times=1))

    async def told(script, foresight):
        async with signed_in(play, script, foresight) as (session, _):
            try:
                return await as_ever(session)
            except ImapError as error:
                return type(error), str(error)

    assert await told(refusing(), Foresight(FIELDS, inbox=True)) == await told(refusing(), None)


async def test_answers_may_come_in_another_order(play):
    held = []

    def hold(command, reply):
        held.append(Reply(reply.untagged, reply.tagged).wire(command.tag))
        return Reply([], b"")

    def release(_command, reply):
        reply.after = b"".join(reversed(held))

    expected = await one_by_one(play, server_of())
    hooks = [on("ID", hold), on("ENABLE", hold), on("LIST", hold), on("EXAMINE", release, times=1)]
    async with signed_in(play, server_of(*hooks)) as (session, _):
        assert await as_ever(session) == expected


async def test_what_is_not_asked_for_is_forgotten(play):
    async with signed_in(play, server_of()) as (session, server):
        opened = await session.examine(b"Work")
        assert (opened.exists, opened.uidvalidity) == (2, 7)
        assert [listing.uid async for listing in session.fetch_listing(ALL)] == [1, 2]
        assert server.commands("EXAMINE") == ['EXAMINE "INBOX" (CONDSTORE)', 'EXAMINE "Work"']
        assert session.take_events().exists is None


async def test_mail_that_comes_after_a_folder_was_opened_ahead_is_news(play):
    hooks = [on("EXAMINE", lambda _, reply: setattr(reply, "after", b"* 4 EXISTS\r\n"))]
    async with signed_in(play, server_of(*hooks)) as (session, _):
        await until_meanwhile(lambda: all(exchange.tagged for exchange in session._connection.flight))
        await session.identify(FIELDS)
        await session.enable("QRESYNC")
        await session.list_folders(status=True)
        opened = await session.examine(b"INBOX", condstore=True)
        assert (opened.exists, (await session.noop()).exists) == (3, 4)


@pytest.mark.parametrize(("name", "unanswered"), [*[(name, True) for name in BURST[:-1]], ("EXAMINE", False)])
async def test_an_end_with_commands_unanswered_is_told(play, name, unanswered):
    script = server_of(on(name, closes(), skip=name == "CAPABILITY"))
    async with play(script, user=None, limits=QUICK) as (session, _):
        session.foresight = Foresight(FIELDS, inbox=True)
        with pytest.raises(ImapError):
            await signed_in_as_ever(session)
        assert (session.alive, session.overtaken) == (False, unanswered)


@pytest.mark.parametrize("line", ["* BYE [UNAVAILABLE] later", "* BYE Too many simultaneous connections"])
async def test_a_server_that_is_busy_is_not_said_to_dislike_it(play, line):
    async with signed_in(play, server_of(on("ID", closes(line)))) as (session, _):
        with pytest.raises(ImapError):
            await as_ever(session)
        assert not session.overtaken


async def test_silence_counts_as_an_end(play):
    async with signed_in(play, server_of(on("ID", lambda *_: Reply(silent=True)))) as (session, _):
        with pytest.raises(ImapError):
            await as_ever(session)
        assert session.overtaken


async def test_an_answer_that_never_comes_is_not_waited_for_longer_because_later_ones_did(play):
    late = on("ENABLE", lambda _, reply: setattr(reply, "stall", 0.2))
    async with signed_in(play, server_of(on("ID", lambda *_: Reply([], b"")), late)) as (session, _):
        async with asyncio.timeout(30):
            with pytest.raises(OperationTimeout):
                await session.identify(FIELDS)


async def test_a_connection_that_we_close_says_nothing(play):
    async with signed_in(play, server_of(on("ID", lambda *_: Reply(silent=True)))) as (session, _):
        session.close()
        assert not session.overtaken


async def test_leaving_reads_what_is_on_its_way(play):
    async with signed_in(play, server_of()) as (session, server):
        await session.logout()
        assert names(server)[-1] == "LOGOUT"


async def test_a_listing_is_sent_with_the_opening_of_its_folder(play):
    async with signed_in(play, server_of(), Foresight()) as (session, server):
        await session.list_folders(status=True)
        opened = await session.examine(b"Work", condstore=True, then=("FLAGS",))
        await until_meanwhile(lambda: names(server)[-1] == "UID")
        assert opened.exists == 2
        assert [listing.uid async for listing in session.fetch_listing(ALL)] == [1, 2]
        assert len(server.commands("UID FETCH")) == 1


async def test_inbox_is_listed_while_the_folders_are_looked_through(play):
    foresight = Foresight(FIELDS, inbox=True, items=("FLAGS",), most=3)
    async with signed_in(play, server_of(), foresight) as (session, server):
        await session.list_folders(status=True)
        await until_meanwhile(lambda: names(server)[-1] == "UID")
        assert (await session.examine(b"INBOX", condstore=True)).exists == 3
        assert [listing.uid async for listing in session.fetch_listing(ALL)] == [1, 2, 3]
        assert names(server)[-2:] == ["EXAMINE", "UID"]


@pytest.mark.parametrize(
    ("count", "inbox", "capabilities"),
    [(4, True, NEW), (0, True, NEW), (3, False, NEW), (3, True, tuple(each for each in NEW if each != "LIST-STATUS"))],
)
async def test_inbox_is_not_listed_ahead_where_that_is_not_sure_to_be_asked_for(play, count, inbox, capabilities):
    foresight = Foresight(FIELDS, inbox=inbox, items=("FLAGS",), most=3)
    async with signed_in(play, server_of(capabilities=capabilities, count=count), foresight) as (session, server):
        await session.list_folders(status=True)
        assert (await session.examine(b"INBOX", condstore=True)).exists == count
        await session.noop()
        assert server.commands("UID FETCH") == []


async def test_inbox_is_not_listed_ahead_where_nobody_said_how_much_is_in_it(play):
    def silent(_command, reply):
        assert any(b"MESSAGES 3 " in line for line in reply.untagged)
        reply.untagged = [line.replace(b"MESSAGES 3 ", b"") for line in reply.untagged]

    foresight = Foresight(FIELDS, inbox=True, items=("UID", "FLAGS"), most=3)
    async with signed_in(play, server_of(on("LIST", silent)), foresight) as (session, server):
        assert {each.wire for each in await session.list_folders(status=True)} == {b"INBOX", b"Work"}
        assert (await session.examine(b"INBOX", condstore=True)).exists == 3
        assert "UID" not in names(server)


async def test_a_folder_that_cannot_be_opened_has_no_listing(play):
    async with signed_in(play, server_of(), Foresight()) as (session, server):
        await session.list_folders(status=True)
        with pytest.raises(Refused):
            await session.examine(b"Gone", then=("FLAGS",))
        assert (await session.examine(b"Work")).exists == 2
        assert [listing.uid async for listing in session.fetch_listing(ALL)] == [1, 2]
        assert len(server.commands("UID FETCH")) == 2


async def test_a_name_that_needs_a_literal_is_not_sent_ahead(play):
    raw = "草稿".encode()
    script = server_of()
    script.mailboxes[raw] = Mailbox(messages(5))
    async with signed_in(play, script, Foresight()) as (session, server):
        await session.list_folders(status=True)
        assert (await session.examine(raw, then=("FLAGS",))).exists == 5
        assert "UID" not in names(server)


@pytest.mark.parametrize(
    ("capabilities", "asked"),
    [(("IMAP4rev1", "AUTH=PLAIN"), 1), (("IMAP4rev1",), 2), (("IMAP4rev1", "AUTH=PLAIN", "LOGINDISABLED"), 2)],
)
async def test_what_the_greeting_tells_of_signing_in_is_not_asked_again(play, capabilities, asked):
    script = server_of(capabilities=capabilities, told="greeting")
    async with play(script) as (session, server):
        assert server.commands("CAPABILITY") == ["CAPABILITY"] * asked
        assert session.facts.capabilities_before == {name.upper() for name in capabilities}
