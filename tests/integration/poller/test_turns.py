"""Servers that take fewer connections than there are accounts on them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from msgspec import structs

from services.common.postgres import embedded_postgres
from services.common.secret import Secret
from services.poller.tasks.account import sync_once
from services.poller.tasks.supervisor import Ports, supervising
from services.poller.turns import Turns
from tests.fakes.imap_model import PASSWORD, Mailbox, Reply, Script, messages, on, sample
from tests.fakes.imap_server import serve
from tests.integration.poller.command_plays import command
from tests.integration.poller.conftest import Play, inbox, on_server
from tests.integration.poller.watching import IDLE, watched
from tests.polling import until_meanwhile as until

FULL = "Maximum number of connections from user+IP exceeded"


def crowded(p: Play, most: int) -> None:
    """The server takes so many connections at once."""
    refusal = b"* BYE %s\r\n" % FULL.encode()
    p.server.script.hooks.append(
        on("GREETING", lambda _c, reply: Reply(raw=refusal, close=True) if p.server.open_now > most else reply)
    )


async def secret_of(_force: bool) -> tuple[Secret, bool]:
    return Secret(PASSWORD), False


def others(p: Play, count: int) -> list[Play]:
    """More accounts of the same server."""
    return [Play(p.server, p.engine, p.folder, p.settings, {}) for _ in range(count)]


@pytest.mark.parametrize("most", [1, 2])
async def test_accounts_that_are_synced_together_take_turns(play, most):
    async with play(Script({b"INBOX": Mailbox(messages(5))}), backoff_base=5) as p:
        crowded(p, most)
        plays, turns = [p, *others(p, 4)], Turns()
        works = [replace(one.work(), turns=turns) for one in plays]
        results = await asyncio.gather(*(sync_once(work, secret_of, p.folder) for work in works))
        assert [(result.exit_code, result.failure) for result in results] == [(0, "")] * 5
        assert all(one.complete() for one in plays)
        assert p.server.most_open <= most + 4


async def test_the_command_lets_its_accounts_take_turns(tmp_path):
    script = Script({b"INBOX": Mailbox(messages(5))})
    full = Reply(raw=b"* BYE %s\r\n" % FULL.encode(), close=True)
    async with serve(script, tmp_path) as server:
        script.hooks.append(on("GREETING", lambda _c, reply: full if server.open_now > 1 else reply))
        where = ["--host", "localhost", "--port", str(server.port), "--ca-file", str(server.ca_file)]
        more = ["--user", "user@example.com", "--secret-file", "-", "--set", "login_min_interval=0.1"]
        for name in ("one", "two"):
            await command(tmp_path, "accounts", "add", name, *where, *more, stdin=PASSWORD)
        done = await command(tmp_path, "sync", "one", "two")
        await asyncio.to_thread(embedded_postgres.stop, tmp_path)
        assert done.code == 0, done.out + done.err


async def test_accounts_that_are_watched_together_take_turns(play):
    """What comes later is brought to all of them, too: no connection is kept from who waits."""
    async with play(Script({b"INBOX": Mailbox(messages(5))}, capabilities=IDLE), poll_interval=0.3) as p:
        crowded(p, 1)
        (second,) = others(p, 1)
        async with watched(p) as ports:
            await until(lambda: p.stored == on_server(p.server.script))
            async with beside(ports, p, second):
                for number in range(3):
                    await until(lambda: p.stored == second.stored == on_server(p.server.script), 30)
                    inbox(p.server.script).deliver(sample(50 + number))
                await until(lambda: p.stored == second.stored == on_server(p.server.script) and idles(p), 30)
        assert p.complete()
        assert second.complete()


async def test_a_long_import_lets_others_have_their_turn(play):
    script = Script({b"INBOX": Mailbox(messages(16))}, capabilities=IDLE)
    script.hooks.append(on("UID FETCH", lambda _c, reply: setattr(reply, "stall", 0.1), has="BODY.PEEK[]"))
    async with play(script, poll_interval=0.2, batch_messages=1) as p:
        crowded(p, 1)
        (second,) = others(p, 1)
        async with watched(p) as ports:
            await until(lambda: len(p.stored) > 2)
            async with beside(ports, p, second):
                await until(lambda: len(second.stored) > 2, 30)
                assert len(p.stored) < 16
                await until(lambda: len(p.stored) == len(second.stored) == 16 and idles(p), 30)
        assert p.complete()


def idles(p: Play) -> bool:
    """Whether nobody is about to do anything: a socket is not lost in the middle of its connection."""
    return p.server.commands()[-1] == "IDLE"


@contextlib.asynccontextmanager
async def beside(ports: Ports, p: Play, second: Play) -> AsyncIterator[None]:
    """The second account watched by the same poller, and its events in its own play."""
    account = structs.replace(ports.accounts.get(p.slug), slug=second.slug)
    ports.accounts.add(account, ("password", Secret(PASSWORD)))
    try:
        async with supervising(replace(ports, publisher=second.recorder), frozenset([second.slug])):
            yield
    finally:
        ports.accounts.remove(second.slug)
