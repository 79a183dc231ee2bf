"""Servers whose IDLE goes wrong in ways of its own: the account stays signed in, and its mail comes all the same."""

import pytest

from services.poller.tasks import listening
from tests.fakes.imap_model import Command, Mailbox, Message, Reply, Script, adds, closes, messages, on, sample, says
from tests.integration.poller.conftest import inbox, on_server
from tests.integration.poller.watching import IDLE, watched
from tests.polling import until_meanwhile as until

SILENT = lambda _command, _reply: Reply(silent=True)  # noqa: E731


def idling(*lines: str) -> Script:
    """A server that says this as soon as it idles."""
    said = b"".join(line.encode() + b"\r\n" for line in ("+ idling", *lines))
    return five(on("IDLE", lambda _command, _reply: Reply([said], b"")))


def five(*hooks) -> Script:
    return Script({b"INBOX": Mailbox(messages(5))}, capabilities=IDLE, hooks=list(hooks))


def crosses(command: Command, _reply: Reply) -> Reply:
    return Reply(raw=command.tag + b" OK IDLE is over\r\nDONE BAD no such command\r\n")


async def test_a_done_that_comes_behind_the_end_of_idle_costs_no_connection(play):
    async with play(five(on("DONE", crosses)), poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] >= 4)
        inbox(p.server.script).deliver(sample(50))
        await until(lambda: len(p.stored) == 6)
        assert p.complete()
        assert p.server.connections == 1


ENDS = {
    "closes": closes(),
    "bye": closes("* BYE no"),
    "silent": SILENT,
    "closes-later": closes("+ idling"),
    "literal": closes("+ idling", "* 2 FETCH {3+}"),
}


@pytest.mark.parametrize("action", ENDS.values(), ids=ENDS)
async def test_a_server_that_ends_connections_at_idle_is_polled(play, action):
    async with play(five(on("IDLE", action)), poll_interval=0.2, command_timeout=0.5) as p, watched(p):
        await until(lambda: p.server.counts["NOOP"] >= 12)
        inbox(p.server.script).deliver(sample(50))
        await until(lambda: len(p.stored) == 6)
        assert p.complete()
        assert (p.server.counts["IDLE"], p.server.connections) == (3, 4)


@pytest.mark.parametrize(("action", "connections"), [(closes(), 4), (says("NO [UNAVAILABLE] later"), 1)])
async def test_a_day_later_idle_is_tried_again(play, monkeypatch, action, connections):
    monkeypatch.setattr(listening, "DAY", 0.5)
    async with play(five(on("IDLE", action, times=3)), poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] >= 6)
        assert p.server.connections == connections


async def test_connections_that_end_now_and_then_while_idle_do_not_end_idle(play):
    script = five(*(on("IDLE", closes(), skip=skip, times=1) for skip in range(1, 11, 2)))
    async with play(script, poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.connections == 6)
        await until(lambda: p.server.counts["IDLE"] >= 15)
        assert p.server.connections == 6


SAID = [
    ("* 3 RECENT", "* 0 RECENT"), ("* 99 FETCH (FLAGS (\\Seen))",), ("* 99 EXPUNGE",), ("* 0 EXPUNGE",),
    ("* 4294967299 EXISTS",), ("* 3 EXISTS", "* 9 EXISTS"), ("* OK [UIDNEXT 4294967296] x",), ("* LIST () NIL NIL",),
    ("* FETCH", "* 3", "*"), ("* 1 FETCH (UID 1 FLAGS NIL)",), ("* 1 FETCH (UID 77 BODY[] {3}", "abc)"), ("* NO no",),
    ("* BAD bad",), ("* VANISHED 1:4294967295",),
    ("+ again", "+ again"), ("* OK [HIGHESTMODSEQ 99999999999999999999]",),
]  # fmt: skip


@pytest.mark.parametrize("lines", SAID)
async def test_nothing_that_is_said_while_idle_ends_the_connection_or_hides_mail(play, lines):
    async with play(idling(*lines), poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] >= 2)
        inbox(p.server.script).deliver(sample(50))
        inbox(p.server.script).expunge(2)
        await until(lambda: p.stored.keys() >= on_server(p.server.script).keys())
        assert p.server.connections == 1


async def test_news_before_the_prompt(play):
    async with play(five(on("IDLE", adds("* 5 EXISTS"))), poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] >= 2)
        inbox(p.server.script).deliver(sample(50))
        await until(lambda: len(p.stored) == 6)
        assert p.server.connections == 1


async def test_uids_that_are_given_anew_while_idle_are_read_at_once(play):
    script = five()

    def anew(_command: Command, _reply: Reply) -> Reply:
        script.mailboxes[b"INBOX"] = Mailbox([Message(n, sample(n + 70)) for n in (1, 2)], uidvalidity=1_800_000_000)
        return Reply([b"+ idling\r\n* OK [UIDVALIDITY 1800000000] new\r\n"], b"")

    script.hooks.append(on("IDLE", anew, times=1))
    async with play(script, poll_interval=600) as p, watched(p):
        await until(lambda: ("INBOX", 1_800_000_000, 2) in p.stored)
        assert p.server.connections == 2


@pytest.mark.parametrize("wire", [b"INBOX", b"Beta"])
async def test_a_folder_that_is_renamed_while_idle_is_followed_and_holds_up_no_other(play, wire):
    script = Script({b"INBOX": Mailbox(messages(3)), b"Beta": Mailbox(messages(3), uidvalidity=9)}, capabilities=IDLE)
    async with play(script, poll_interval=0.2, list_interval=1) as p, watched(p):
        await until(lambda: len(p.stored) == 6 and p.server.counts["IDLE"])
        script.mailboxes[b"Elsewhere"] = box = script.mailboxes.pop(wire)
        for each in script.mailboxes.values():
            each.deliver(sample(90))
        other = ({"INBOX", "Beta"} - {wire.decode()}).pop()
        await until(lambda: {("Elsewhere", box.uidvalidity, 4)} <= p.stored.keys())
        await until(lambda: any(folder == other and uid == 4 for folder, _, uid in p.stored))
        assert p.server.connections == 1


async def test_the_last_uid_there_is(play):
    uids = (1, 1 << 31, (1 << 32) - 2)
    script = Script({b"INBOX": Mailbox([Message(uid, sample(uid)) for uid in uids])}, capabilities=IDLE)
    async with play(script, poll_interval=0.2) as p, watched(p):
        await until(lambda: len(p.stored) == 3 and p.server.counts["IDLE"])
        inbox(script).deliver(sample(9))
        await until(lambda: p.server.counts["IDLE"] > 5)
        assert p.complete()
        assert p.last_errors() == {"INBOX": None}


async def test_one_gone_and_one_new_behind_the_pass_is_not_left_to_the_next_poll(play):
    script = Script({b"INBOX": Mailbox(messages(3)), b"Beta": Mailbox(messages(3), uidvalidity=9)}, capabilities=IDLE)

    def swaps(_command: Command, _reply: Reply) -> None:
        inbox(script).expunge(1)
        inbox(script).deliver(sample(60))

    script.hooks.append(on("EXAMINE", swaps, has="Beta", times=1))
    async with play(script, poll_interval=600) as p, watched(p):
        await until(lambda: len(p.stored) == 7)
