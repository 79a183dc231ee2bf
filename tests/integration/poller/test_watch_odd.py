"""Servers that an account is watched on for ever: none is hurried, and no folder waits for another one."""

import time

import pytest

from services.common.events import FlagsChanged, FolderCreated
from services.poller.tasks import watching
from tests.fakes.imap_model import Command, Mailbox, Message, Reply, Script, messages, on, sample, says
from tests.integration.poller.conftest import inbox, on_server
from tests.integration.poller.watching import IDLE, watched
from tests.polling import until_meanwhile as until

FLAGS, BODY = "FLAGS)", "BODY.PEEK[]"


def three(*hooks, first: int = 3, **values: object) -> Script:
    boxes = {wire: Mailbox(messages(3), uidvalidity=n) for n, wire in enumerate((b"INBOX", b"Alpha", b"Beta"), 5)}
    boxes[b"INBOX"] = Mailbox(messages(first), uidvalidity=5)
    return Script(boxes, hooks=list(hooks), **{"capabilities": IDLE, **values})


def says_at_once(*lines: bytes) -> Reply:
    return Reply([b"+ idling\r\n", *lines], b"")


@pytest.mark.parametrize(
    "action", [says("OK done"), lambda _c, _r: says_at_once(b"* 3 EXISTS\r\n")], ids=["ends", "repeats-itself"]
)
async def test_an_idle_that_never_waits_is_not_hurried(play, action, monkeypatch):
    monkeypatch.setattr(watching, "HASTE", 60.0)  # to a slow machine a round may take what is no haste any more
    async with play(three(on("IDLE", action)), poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.counts["NOOP"] >= 6)
        assert p.server.counts["IDLE"] <= 60
        p.server.script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: ("Beta", 7, 4) in p.stored)
        assert p.complete()
        assert p.server.connections == 1


def mark(script: Script) -> None:
    """Somebody else marks a message, or takes the mark off."""
    first = inbox(script).messages[0]
    first.flags ^= {"\\Flagged"}
    first.modseq = inbox(script).modseq() + 1


def flagged(script: Script) -> Reply:
    """That, and it is told together with a number of messages."""
    mark(script)
    return says_at_once(b"* 1 FETCH (UID 1 FLAGS ())\r\n", b"* %d EXISTS\r\n" % len(inbox(script).messages))


async def test_flags_that_change_one_by_one_put_off_no_mail(play, monkeypatch):
    monkeypatch.setattr(watching, "HASTE", 60.0)
    script = three(capabilities=(*IDLE, "CONDSTORE"))

    def stirs(command: Command, _reply: Reply) -> Reply:
        if command.number == 25:
            inbox(script).deliver(sample(9))
        return flagged(script) if command.number <= 25 else Reply([b"+ idling\r\n"], b"")

    script.hooks.append(on("IDLE", stirs))
    async with play(script, poll_interval=3600) as p, watched(p):
        await until(lambda: ("INBOX", 5, 4) in p.stored, 20)
        assert p.server.connections == 1


async def test_flags_are_told_at_once_though_the_server_says_nothing_else(play):
    script = three(capabilities=(*IDLE, "CONDSTORE"))

    def marks(_command: Command, _reply: Reply) -> Reply:
        mark(script)
        return says_at_once(b"* 1 FETCH (UID 1 MODSEQ (%d) FLAGS (\\Flagged))\r\n" % inbox(script).modseq())

    script.hooks.append(on("IDLE", marks, times=1))
    async with play(script, poll_interval=3600) as p, watched(p):
        await until(lambda: p.recorder.of(FlagsChanged), 20)
        assert p.server.counts["IDLE"] <= 2


async def test_flags_that_change_without_end_are_polled(play, monkeypatch):
    monkeypatch.setattr(watching, "HASTE", 60.0)
    script = three(capabilities=(*IDLE, "CONDSTORE"))
    script.hooks.append(on("IDLE", lambda _c, _r: flagged(script)))
    async with play(script, poll_interval=1.5) as p, watched(p):
        await until(lambda: p.server.counts["NOOP"] >= 6, 30)  # three of them after bodies
        assert p.server.counts["IDLE"] <= 100


@pytest.mark.parametrize(
    "script",
    [lambda: three(peek_sets_seen=True, first=6), lambda: three(on("UID FETCH", says("NO no"), has=FLAGS))],
    ids=["marks-read", "lists-nothing"],
)
async def test_an_inbox_that_cannot_be_read_is_not_tried_without_end(play, script):
    async with play(script(), poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] >= 3)
        assert p.server.counts["EXAMINE"] < 100


@pytest.mark.parametrize("answer", ["NO [UNAVAILABLE] later", "NO no", "BAD no"])
async def test_a_folder_that_is_refused_keeps_no_other_waiting_and_says_why(play, answer):
    async with play(three(on("EXAMINE", says(answer), has="Alpha")), poll_interval=0.2) as p, watched(p):
        await until(lambda: ("Beta", 7, 3) in p.stored)
        p.server.script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: ("Beta", 7, 4) in p.stored)
        assert "EXAMINE" in (p.last_errors()["Alpha"] or "")
        p.server.script.hooks.clear()
        await until(lambda: len(p.stored) == 10 and p.last_errors()["Alpha"] is None)
        assert p.server.connections <= 2  # what could not be read is looked at on a second connection


@pytest.mark.parametrize(
    "hook",
    [
        on("EXAMINE", says("NO [NOPERM] not yours"), has="INBOX"),
        on("NOOP", says("BAD what")),
        on("IDLE", says("NO [UNAVAILABLE] later")),
    ],
    ids=["inbox", "noop", "idle"],
)
async def test_a_refusal_between_two_polls_costs_no_sign_in(play, hook):
    capabilities = ("IMAP4rev1",) if hook.name == "NOOP" else IDLE
    async with play(three(hook, capabilities=capabilities), poll_interval=0.1) as p, watched(p):
        await until(lambda: p.server.counts["NOOP"] >= 6)
        p.server.script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: ("Beta", 7, 4) in p.stored)
        assert p.server.connections <= 2


async def test_an_inbox_that_always_has_news_keeps_no_folder_waiting(play):
    script = three()

    def deliver(_command: Command, _reply: Reply) -> Reply:
        inbox(script).deliver(sample(100 + len(inbox(script).messages)))
        return says_at_once(b"* %d EXISTS\r\n" % len(inbox(script).messages))

    script.hooks.append(on("IDLE", deliver))
    async with play(script, poll_interval=0.5) as p, watched(p):
        await until(lambda: len(p.stored) > 12)
        script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: ("Beta", 7, 4) in p.stored, 30)


@pytest.mark.parametrize("capabilities", [("IMAP4rev1",), ("IMAP4rev1", "CONDSTORE")])
async def test_a_folder_made_anew_that_was_seen_empty_in_between_is_another_one(play, capabilities):
    script = three(capabilities=capabilities)
    async with play(script, poll_interval=0.1) as p, watched(p):
        await until(lambda: len(p.stored) == 9)
        script.mailboxes[b"Beta"] = Mailbox(uidvalidity=7)
        looks = p.server.counts["EXAMINE"]
        await until(lambda: p.server.counts["EXAMINE"] > looks + 6)
        script.mailboxes[b"Beta"] = Mailbox([Message(n, sample(n + 70)) for n in (1, 2)], uidvalidity=7)
        wanted = on_server(script)
        await until(lambda: all(p.stored[place] == sha256 for place, sha256 in wanted.items()), 30)


async def test_a_folder_that_took_the_place_of_another_is_watched_on(play):
    script = three()
    async with play(script, poll_interval=0.1) as p, watched(p):
        await until(lambda: len(p.stored) == 9)
        for wire, value in ((b"INBOX", 5), (b"Beta", 7)):
            script.mailboxes[wire] = Mailbox([Message(n, sample(n + 70)) for n in (1, 2)], uidvalidity=value)
        created = [b"INBOX", b"Alpha", b"Beta", b"INBOX", b"Beta"]
        await until(lambda: len(p.recorder.of(FolderCreated)) == len(created), 30)
        for wire in (b"INBOX", b"Beta"):
            script.mailboxes[wire].deliver(sample(80))
        wanted = on_server(script)
        await until(lambda: all(p.stored.get(place) == sha256 for place, sha256 in wanted.items()), 30)
        assert sorted(event.folder.encode() for event in p.recorder.of(FolderCreated)) == sorted(created)
        assert p.server.connections == 1


async def test_connections_that_end_while_idle_delay_no_mail(play):
    idled: set[int] = set()

    def ends_the_second(command: Command, _reply: Reply) -> Reply | None:
        if command.connection in idled:
            return Reply([b"* BYE idle for too long\r\n"], b"", close=True)
        idled.add(command.connection)
        return None

    script = three(on("IDLE", ends_the_second))
    async with play(script, poll_interval=0.2, backoff_base=0.2, backoff_max=900) as p, watched(p):
        await until(lambda: p.server.connections >= 12, 60)  # unforgiven, the eleventh wait alone is a minute
        script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: ("Beta", 7, 4) in p.stored, 10)
        assert p.complete()


async def test_a_folder_of_which_nothing_comes_rests_longer_each_time(play):
    script = Script({b"INBOX": Mailbox(messages(300))}, capabilities=IDLE)
    script.hooks.append(on("UID FETCH", says("NO cannot"), has=BODY))
    async with play(script, poll_interval=0.1, backoff_base=0.4) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] > 60)
        assert p.server.counts["UID FETCH"] < 700  # of sixty polls six ask for some; each would ask for a hundred
        script.hooks.clear()
        await until(lambda: sum(place[0] == "INBOX" for place in p.stored) == 300 - len(p.quarantined()))


async def test_folders_that_swap_names_while_they_are_watched_are_told_apart_by_their_mailboxid(play):
    def box(first: int) -> Mailbox:
        return Mailbox([Message(n, sample(first + n)) for n in (1, 2, 3)], uidvalidity=7, mailboxid=f"M{first}")

    boxes = {b"INBOX": box(0), b"One": box(10), b"Two": box(20)}
    script = Script(boxes, capabilities=("IMAP4rev1", "OBJECTID", "IDLE"))
    async with play(script, poll_interval=0.1) as p, watched(p):
        await until(lambda: len(p.stored) == 9)
        boxes[b"One"], boxes[b"Two"] = boxes[b"Two"], boxes[b"One"]
        wanted = on_server(script)
        await until(lambda: all(p.stored[place] == sha256 for place, sha256 in wanted.items()), 30)


async def test_the_same_mail_under_another_mailboxid_is_compared_once(play):
    boxes = {b"INBOX": Mailbox(messages(1)), b"Work": Mailbox(messages(5), uidvalidity=5, mailboxid="F1")}
    script = Script(boxes, capabilities=("IMAP4rev1", "OBJECTID", "CONDSTORE"))
    async with play(script, poll_interval=0.1) as p, watched(p):
        await until(lambda: len(p.stored) == 6)
        boxes[b"Work"].mailboxid = "F2"
        await until(lambda: [line for line in p.server.commands("UID FETCH") if "HEADER" in line])
        looked = p.server.counts["NOOP"]
        await until(lambda: p.server.counts["NOOP"] > looked + 5)
        assert len([line for line in p.server.commands("UID FETCH") if "HEADER" in line]) == 1
        assert p.recorder.of(FolderCreated)[2:] == []


async def test_mail_that_comes_behind_a_pass_is_not_taken_for_mail_that_was_there_before(play):
    arriving = [51]

    def arrives(_command: Command, _reply: Reply) -> None:
        if arriving:
            inbox(script).deliver(sample(arriving.pop()))

    script = three(capabilities=(*IDLE, "CONDSTORE"))
    script.hooks.append(on("UID FETCH", arrives, has="(UID FLAGS)"))
    async with play(script, poll_interval=60, include=("INBOX",)) as p, watched(p):
        await until(lambda: len(p.stored) == 4 and p.server.counts["IDLE"] == 1)
        arriving.append(52)
        inbox(script).expunge(1)
        started = time.monotonic()
        await until(lambda: len(p.stored) == 5)
        assert time.monotonic() - started < 30  # polling would take 60
