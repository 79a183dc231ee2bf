import asyncio
import time

import pytest

from services.poller.imap.errors import CommandRejected, ConnectionLost, OperationTimeout, ServerBye
from tests.fakes.imap_model import Mailbox, Reply, Script, closes, messages, on, says
from tests.unit.poller.imap.conftest import QUICK

IDLE = ("IMAP4rev1", "IDLE")


def script(*hooks) -> Script:
    return Script({b"INBOX": Mailbox(messages(1))}, capabilities=IDLE, hooks=list(hooks))


async def test_new_message_ends_idle_at_once(play):
    idling = asyncio.Event()
    playing = script(on("IDLE", lambda *_: idling.set()))
    async with play(playing) as (session, server):
        await session.examine(b"INBOX")
        waiting = asyncio.ensure_future(session.idle(30))
        await idling.wait()
        start = time.monotonic()
        playing.mailboxes[b"INBOX"].deliver(b"new")
        assert (await waiting).exists == 2
        assert time.monotonic() - start < 15
        assert server.commands("DONE") == ["DONE"]
        assert (await session.noop()).exists is None


async def test_silence_ends_with_its_time(play):
    async with play(script()) as (session, _):
        await session.examine(b"INBOX")
        assert not (await session.idle(0.05)).mailbox_changed
        assert session.alive


async def test_event_coalesced_with_the_prompt(play):
    hook = on("IDLE", lambda *_: Reply([b"+ idling\r\n* 5 EXISTS\r\n* 1 EXPUNGE\r\n"], b""))
    async with play(script(hook)) as (session, _):
        await session.examine(b"INBOX")
        events = await session.idle(5)
        assert (events.exists, events.expunged) == (4, 1)


async def test_still_here_is_no_event(play):
    hook = on("IDLE", lambda *_: Reply([b"+ idling\r\n* OK Still here\r\n"], b""))
    async with play(script(hook)) as (session, _):
        await session.examine(b"INBOX")
        assert not (await session.idle(0.1)).mailbox_changed


async def test_server_closes_during_idle(play):
    async with play(script(on("IDLE", closes("+ idling", "* BYE idle for too long")))) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(ServerBye, match="too long"):
            await session.idle(5)
    async with play(script(on("IDLE", closes()))) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(ConnectionLost):
            await session.idle(5)


async def test_server_ends_idle_itself(play):
    async def ends(command, _reply):
        return Reply(raw=b"+ idling\r\n" + command.tag + b" OK enough\r\n")

    async with play(script(on("IDLE", ends))) as (session, server):
        await session.examine(b"INBOX")
        async with asyncio.timeout(60):
            assert not (await session.idle(600)).mailbox_changed
        assert server.commands("DONE") == []
        assert session.alive


async def test_refused_and_mute(play):
    async with play(Script({b"INBOX": Mailbox()}, capabilities=("IMAP4rev1",))) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(CommandRejected):
            await session.idle(5)
    async with play(script(on("IDLE", lambda *_: Reply(silent=True))), limits=QUICK) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(OperationTimeout):
            await session.idle(5)
    async with play(script(on("DONE", lambda *_: Reply(silent=True))), limits=QUICK) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(OperationTimeout):
            await session.idle(0.05)


async def test_cancelled_idle_closes(play):
    async with play(script()) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.idle(30), 0.05)
        assert not session.alive


@pytest.mark.parametrize("silent", ["IDLE", "DONE"])
async def test_cancelled_while_the_server_is_silent(play, silent):
    async with play(script(on(silent, lambda *_: Reply(silent=True)))) as (session, _):
        await session.examine(b"INBOX")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.idle(0.02), 0.15)
        assert not session.alive


async def test_known_news_needs_no_idle(play):
    async with play(script(on("NOOP", says("OK done", "* 9 EXISTS")))) as (session, server):
        await session.examine(b"INBOX")
        session._connection.events.exists = 9
        assert (await session.idle(30)).exists == 9
        assert server.commands("IDLE") == []
