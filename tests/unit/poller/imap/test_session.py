import hashlib

import pytest

from services.poller.domain.uidset import UidSet
from services.poller.imap.model import Spooled
from tests.fakes.imap_model import Mailbox, Message, Script, folder, messages, on, sample, says
from tests.unit.poller.imap.conftest import QUICK


async def collect(stream):
    return [item async for item in stream]


async def test_plain_server_from_greeting_to_logout(play):
    script = Script({b"INBOX": Mailbox(messages(3)), folder("已发送"): Mailbox()})
    async with play(script) as (session, server):
        folders = await session.list_folders()
        assert [(f.name, f.special_use) for f in folders] == [("INBOX", "\\Inbox"), ("已发送", "\\Sent")]
        opened = await session.examine(folders[0].wire)
        assert (opened.exists, opened.uidnext, opened.uidvalidity, opened.read_only) == (3, 4, 1_700_000_000, True)
        listed = await collect(session.fetch_listing(UidSet.range(1, 3), ("FLAGS", "RFC822.SIZE")))
        assert [(x.uid, x.flags, x.size) for x in listed] == [(n, (), len(sample(n))) for n in (1, 2, 3)]
        fetched = await collect(session.fetch_bodies(UidSet.range(1, 3)))
        assert [(x.uid, x.body) for x in fetched] == [(n, sample(n)) for n in (1, 2, 3)]
        assert fetched[0].listing.internaldate == "01-Nov-2026 10:00:00 +0800"
        await session.logout()
        assert not session.alive
        assert server.commands("CAPABILITY") == ["CAPABILITY"] * 2


async def test_big_message_goes_to_a_file_hashed_on_the_way(play, tmp_path):
    big = sample(1, 3_000_000)
    limits = QUICK.__class__(**{f: getattr(QUICK, f) for f in QUICK.__slots__} | {"spool_folder": tmp_path})
    async with play(Script({b"INBOX": Mailbox([Message(7, big)])}), limits=limits) as (session, _):
        await session.examine(b"INBOX")
        (fetched,) = await collect(session.fetch_bodies(UidSet.of([7])))
        assert isinstance(fetched.body, Spooled)
        assert fetched.body.path.read_bytes() == big
        assert fetched.body.sha256 == hashlib.sha256(big).hexdigest()
        assert await session.fetch_piece(7, len(big) - 10, 100) == big[-10:]


@pytest.mark.parametrize("data", [b"DONE\r\nA1 DELETE INBOX", b"DONE\nA1 DELETE INBOX", b"\r"])
async def test_what_answers_a_server_is_one_line(play, data):
    async with play(Script()) as (session, server):
        exchange = await session._connection.begin("NOOP", (), frozenset())
        with pytest.raises(AssertionError, match="not one line"):
            session._connection.answer(exchange, data)
        while await session._connection.frames(exchange):
            pass
        assert session._connection.finish(exchange).kind == "OK"
        assert await session.noop()
        assert not [line for line in server.commands() if "DELETE" in line or "DONE" in line]


@pytest.mark.parametrize("said", ["NO stay", "BAD what", "OK bye"])
async def test_leaving_ends_the_connection_whatever_the_server_says_of_it(play, said):
    async with play(Script(hooks=[on("LOGOUT", says(said))])) as (session, _):
        await session.logout()
        assert not session.alive
        assert session._connection.closed.is_set()
