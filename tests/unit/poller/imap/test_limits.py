"""What ends a connection: broken streams, caps, silence, readers that leave."""

import asyncio

import pytest

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import (
    ConnectionLost,
    LiteralTooLarge,
    OperationTimeout,
    ProtocolViolation,
    ResponseTooLarge,
    ServerBye,
)
from services.poller.imap.model import Limits, Spooled
from services.poller.imap.spooling import discard
from tests.fakes.imap_model import Mailbox, Message, Reply, Script, closes, on, sample
from tests.unit.poller.imap.conftest import QUICK
from tests.unit.poller.imap.test_fetching import ALL, bodies, script
from tests.unit.poller.imap.test_spooling import files


@pytest.mark.parametrize("cut", [10, 60, 250])
async def test_connection_lost_in_the_middle(play, cut, tmp_path):
    limits = Limits(spool_above=50, spool_folder=tmp_path / "spool")
    (tmp_path / "spool").mkdir()

    def lose(_command, reply):
        reply.cut = cut

    async with play(script(on("UID FETCH", lose)), limits=limits) as (session, _):
        with pytest.raises(ConnectionLost):
            await bodies(session)
        assert not session.alive
        assert files(tmp_path / "spool") == []


async def test_a_body_that_waits_for_its_flags_leaves_no_file_when_the_connection_is_lost(play, tmp_path):
    limits = Limits(spool_above=50, spool_folder=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    half = b"* 1 FETCH (UID 1 BODY[] {100}\r\n" + b"x" * 100 + b")\r\n* 2 FETCH (UID 2 FLAGS ())\r\n"
    async with play(script(on("UID FETCH", lambda *_: Reply(raw=half, close=True))), limits=limits) as (session, _):
        with pytest.raises(ConnectionLost):
            await bodies(session)
        assert files(tmp_path / "spool") == []


async def test_bye_during_a_fetch_and_inside_a_literal(play):
    async with play(script(on("UID FETCH", closes("* BYE session expired")))) as (session, _):
        with pytest.raises(ServerBye, match="session expired"):
            await bodies(session)
    text = b"* BYE this is mail\r\n"
    async with play(Script({b"INBOX": Mailbox([Message(1, text)])})) as (session, _):
        assert await bodies(session) == {1: text}


async def test_announced_literal_above_the_cap_closes_at_once(play):
    async with play(script(on("UID FETCH", closes("* 1 FETCH (UID 1 BODY[] {5368709120}")))) as (session, _):
        with pytest.raises(LiteralTooLarge) as caught:
            await bodies(session)
        assert (caught.value.uid, caught.value.announced) == (1, 5368709120)
        assert not session.alive


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"* 1 FETCH (UID 1 BODY[] {3+}\r\nabc)\r\n", ProtocolViolation),
        (b"* LIST " + b"x" * (2 << 20) + b"\r\n", ResponseTooLarge),
        (b"* " + b"x" * (2 << 20), ResponseTooLarge),
        (b"* 1 FETCH (FLAGS ())\r\n" * 20_000, ResponseTooLarge),
        (b"what is this\r\n" * 20_000, ResponseTooLarge),
        (b"+ go on\r\n" * 20_000, ResponseTooLarge),
        (b"WRONG1 OK done\r\n", ProtocolViolation),
        (b"* LIST () {2000000}\r\n", LiteralTooLarge),
        (b"* 1 FETCH (UID 1 FLAGS " + b"{1}\r\nx" * 200_000, ResponseTooLarge),
    ],
)
async def test_broken_protocol_closes(play, answer, error):
    limits = Limits(items=10_000)
    async with play(script(on("UID FETCH", lambda *_: Reply(raw=answer))), limits=limits) as (session, _):
        with pytest.raises(error):
            await bodies(session)
        assert not session.alive
        with pytest.raises(error):
            await session.noop()


async def test_silent_and_crawling_transfers_are_dead(play):
    async with play(script(on("UID FETCH", lambda *_: Reply(silent=True))), limits=QUICK) as (session, _):
        with pytest.raises(OperationTimeout, match="no answer"):
            await bodies(session)

    def crawl(_command, reply):
        reply.pace = (4, 0.1)

    async with play(script(on("UID FETCH", crawl)), limits=QUICK) as (session, _):
        with pytest.raises(OperationTimeout, match="slower"):
            await bodies(session)


async def test_reader_sets_the_pace_and_memory_stays_bounded(play):
    raw = [Message(n, sample(n, 100_000)) for n in range(1, 61)]
    limits = Limits(command_timeout=1.0, queue=300_000)
    async with play(Script({b"INBOX": Mailbox(raw)}), limits=limits) as (session, _):
        await session.examine(b"INBOX")
        start, most, count = session.received, 0, 0
        async for found in session.fetch_bodies(UidSet.range(1, 60)):
            count += found.length
            await asyncio.sleep(1.5 if found.uid == 30 else 0.01)
            most = max(most, session.received - start - count)
        assert count == sum(len(m.raw) for m in raw)
        assert most < 2_000_000


async def test_leaving_early_closes_and_leaves_no_file(play, tmp_path):
    limits = Limits(spool_above=100, spool_folder=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    async with play(script(), limits=limits) as (session, _):
        await session.examine(b"INBOX")
        stream = session.fetch_bodies(ALL)
        found = await anext(stream)
        await stream.aclose()
        assert not session.alive
        assert isinstance(found.body, Spooled)
        assert files(tmp_path / "spool") == [found.body.path]
        discard([found.body])


async def test_cancelled_command_closes(play):
    async with play(script(on("NOOP", lambda *_: Reply(silent=True)))) as (session, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.noop(), 0.05)
        assert not session.alive


async def test_keep_alives_are_no_transfer_but_end_some_time(play):
    def slowly(_command, reply):
        reply.untagged = [b"* OK Still here\r\n"] * 4 + reply.untagged
        reply.pace = (17, 0.36)

    async with play(script(on("UID FETCH", slowly, times=1), number=1), limits=QUICK) as (session, _):
        await session.examine(b"INBOX")
        assert [x.uid async for x in session.fetch_listing(UidSet.of([1]))] == [1]

    def never(_command, reply):
        reply.untagged, reply.pace = [b"* OK Still here\r\n"] * 100, (17, 0.3)

    async with play(script(on("UID FETCH", never)), limits=QUICK) as (session, _):
        with pytest.raises(OperationTimeout, match="slower"):
            await bodies(session)
