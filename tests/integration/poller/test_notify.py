"""NOTIFY: mail in folders that are not open is told of, as a hint; refusals, storms and lies cost nothing but time."""

import time

import pytest

from services.common.events import FolderCreated
from services.poller.tasks import listening, watching
from tests.fakes.imap_model import (
    Command,
    Mailbox,
    Reply,
    Script,
    adds,
    changes,
    closes,
    folder,
    messages,
    on,
    sample,
    says,
)
from tests.integration.poller.conftest import inbox
from tests.integration.poller.watching import watched
from tests.polling import until_meanwhile as until

TELLS = ("IMAP4rev1", "IDLE", "NOTIFY")
OPEN, OTHERS = "(SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))", "(PERSONAL (MessageNew MessageExpunge))"

SOON, NEVER = 20, 3600  # seconds: far less than from one poll to the next


def some(*hooks, names=(b"Alpha", b"Beta"), **values: object) -> Script:
    boxes = {wire: Mailbox(messages(2), uidvalidity=n) for n, wire in enumerate((b"INBOX", *names), 5)}
    given = {"capabilities": TELLS, **values}
    return Script(boxes, hooks=[on("NOTIFY", says("OK from now on")), *hooks], **given)


def told(name: bytes, mailbox: Mailbox, *, literal: bool = False, items: bytes = b"") -> bytes:
    """A line about a folder that is not open, as Dovecot has it."""
    shown = b"{%d}\r\n%s" % (len(name), name) if literal else b'"%s"' % name
    counts = b"MESSAGES %d UIDNEXT %d UNSEEN 0" % (len(mailbox.messages), mailbox.next_uid())
    return b"* STATUS " + shown + b" (" + (items or counts) + b")\r\n"


def idles(script: Script, wire: bytes, line, **applies: int) -> None:
    """Mail comes to a folder while the account idles, and ``line`` makes what is told of it."""

    def comes(_command: Command, _reply: Reply) -> Reply:
        mailbox = script.mailboxes[wire]
        mailbox.deliver(sample(50 + len(mailbox.messages)))
        return Reply([b"+ idling\r\n", line(mailbox)], b"")

    script.hooks.append(on("IDLE", comes, **{"times": 1, **applies}))


@pytest.mark.parametrize(
    ("wire", "name", "literal"),
    [
        (b"Beta", b"Beta", False),
        (folder("合同"), folder("合同"), False),
        (folder("合同"), "合同".encode(), True),
        (b"R&-D", b"R&D", False),
        (b'a "b" \\', b'a "b" \\', True),
    ],
)
async def test_mail_in_another_folder_is_there_at_once(play, wire, name, literal):
    script = some(names=(b"Alpha", wire))
    idles(script, wire, lambda mailbox: told(name, mailbox, literal=literal))
    async with play(script, poll_interval=NEVER) as p, watched(p):
        await until(lambda: len(p.stored) == 7, SOON)
        assert p.complete()
        assert p.server.commands("NOTIFY") == [f"NOTIFY SET STATUS {OPEN} {OTHERS}"]
        assert p.server.connections == 1
        alpha = [line for line in p.server.commands("EXAMINE") if "Alpha" in line]
        assert len(alpha) == 1  # only what has news is looked at


@pytest.mark.parametrize("command", ["UID FETCH", "NOOP", "EXAMINE", "LIST"])
async def test_what_is_told_in_the_middle_of_another_command_is_not_overlooked(play, command):
    script = some()
    idles(script, b"Alpha", lambda mailbox: told(b"Alpha", mailbox))

    def tells(_command: Command, reply: Reply) -> None:
        if p.server.counts["IDLE"] > 0 and len(script.mailboxes[b"Beta"].messages) == 2:
            script.mailboxes[b"Beta"].deliver(sample(70))
            reply.untagged = [told(b"Beta", script.mailboxes[b"Beta"]), *reply.untagged]

    script.hooks.append(on(command, tells))
    async with play(script, poll_interval=1 if command == "LIST" else NEVER, list_interval=0.1) as p, watched(p):
        await until(lambda: len(p.stored) == 8, SOON)
        assert p.complete()


async def test_mail_that_came_before_the_server_was_asked_is_told_by_its_first_answer(play):
    script = some()

    def first(_command: Command, _reply: Reply) -> Reply:
        script.mailboxes[b"Beta"].deliver(sample(60))
        lines = [told(wire, mailbox) for wire, mailbox in script.mailboxes.items()]
        return Reply(lines, b"OK from now on")

    script.hooks.append(on("NOTIFY", first))
    async with play(script, poll_interval=NEVER) as p, watched(p):
        await until(lambda: len(p.stored) == 7, SOON)
        assert len([line for line in p.server.commands("EXAMINE") if "Alpha" in line]) == 1


@pytest.mark.parametrize("wire", [b"INBOX", b"Alpha", b"Beta"])
async def test_of_a_folder_that_is_open_the_first_answer_has_no_status(play, wire):
    script, opened = some(), [b""]

    def opens(command: Command, _reply: Reply) -> None:
        opened.append(command.arguments.split(b'"')[1])

    def first(_command: Command, _reply: Reply) -> Reply:
        script.mailboxes[wire].deliver(sample(60))
        others = [told(name, mailbox) for name, mailbox in script.mailboxes.items() if name != opened[-1]]
        return Reply([*others, b"* %d EXISTS\r\n" % len(script.mailboxes[opened[-1]].messages)], b"OK from now on")

    script.hooks += [on("EXAMINE", opens), on("NOTIFY", first)]
    async with play(script, poll_interval=NEVER) as p, watched(p):
        await until(lambda: len(p.stored) == 7, SOON)
        assert p.complete()


@pytest.mark.parametrize(
    "answer", ["NO [BADEVENT MessageNew] no", "NO [NOTIFICATIONOVERFLOW] too many folders", "BAD what", "NO no"]
)
async def test_a_refusal_is_told_once_and_all_is_as_without_it(play, answer, caplog):
    script = some(on("NOTIFY", says(answer)))
    async with play(script, poll_interval=0.3) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] > 2)
        script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: len(p.stored) == 7)
        inbox(script).deliver(sample(10))
        await until(lambda: len(p.stored) == 8)
        assert p.server.counts["NOTIFY"] == 1
        assert p.server.connections == 1
        assert caplog.text.count("does not tell of mail in folders that are not open") == 1


@pytest.mark.parametrize(("where", "skip"), [("IDLE", 1), ("NOOP", 3), ("EXAMINE", 5)])
async def test_too_much_to_tell_leads_to_a_connection_that_is_told_of_its_folder_again(play, where, skip, caplog):
    line, script = "* OK [NOTIFICATIONOVERFLOW] too much", some()
    idles(script, b"Alpha", lambda mailbox: told(b"Alpha", mailbox))

    def overflows(command: Command, reply: Reply) -> Reply:
        first = [b"+ idling\r\n"] if command.name == "IDLE" else []
        return Reply([*first, line.encode() + b"\r\n", *reply.untagged[len(first) :]], reply.tagged)

    script.hooks.append(on(where, overflows, times=1, skip=skip))
    async with play(script, poll_interval=NEVER) as p, watched(p):
        await until(lambda: (2, "IDLE") in p.server.record, SOON)
        inbox(script).deliver(sample(11))
        await until(lambda: ("INBOX", 5, 3) in p.stored, SOON)
        assert p.server.counts["NOTIFY"] == 1
        assert caplog.text.count("too much to tell") == 1


@pytest.mark.parametrize("action", [closes(), lambda _c, _r: Reply(silent=True)], ids=["closes", "silent"])
async def test_a_server_that_ends_connections_at_it_is_not_asked_again(play, action):
    script = some(on("NOTIFY", action))
    async with play(script, poll_interval=0.3, command_timeout=0.5) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] > 1, 30)
        assert p.server.counts["NOTIFY"] == listening.MOST_LOST
        script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: len(p.stored) == 7)


async def test_a_day_later_it_is_asked_again(play, monkeypatch):
    monkeypatch.setattr(listening, "DAY", 0.5)
    script = some(on("NOTIFY", says("NO later"), times=1))
    idles(script, b"Beta", lambda mailbox: told(b"Beta", mailbox), times=2)
    async with play(script, poll_interval=0.3) as p, watched(p):
        await until(lambda: p.server.counts["NOTIFY"] == 2)
        await until(lambda: len(p.stored) == 8)


async def test_a_server_that_says_yes_and_tells_nothing_is_polled(play):
    async with play(some(), poll_interval=0.3) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] > 0)
        p.server.script.mailboxes[b"Beta"].deliver(sample(9))
        await until(lambda: len(p.stored) == 7)


@pytest.mark.parametrize(
    "items",
    [
        b"MESSAGES 2 UIDNEXT 3 UNSEEN 0",  # what is known
        b"MESSAGES 1 UIDNEXT 3 UNSEEN 0",  # something went away
        b"UNSEEN 1",  # something was marked
        b"HIGHESTMODSEQ 700",
        b"",
    ],
)
async def test_what_is_no_new_mail_waits_for_the_poll(play, items):
    script = some()
    lines = told(b"Beta", Mailbox(messages(2)), items=items or b"NIL") * 50
    script.hooks.append(on("IDLE", lambda _c, _r: Reply([b"+ idling\r\n", lines], b"")))
    async with play(script, poll_interval=NEVER) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] == 1)
        inbox(script).deliver(sample(9))
        await until(lambda: len(p.stored) == 7, SOON)
        assert len([line for line in p.server.commands("EXAMINE") if "Beta" in line]) == 1


async def test_a_storm_is_one_look_at_each_folder(play):
    script = some()

    def storm(_command: Command, _reply: Reply) -> Reply:
        lines = []
        for number in range(20):
            for wire in (b"Alpha", b"Beta"):
                script.mailboxes[wire].deliver(sample(100 + number))
                lines.append(told(wire, script.mailboxes[wire]))
        return Reply([b"+ idling\r\n", b"".join(lines)], b"")

    script.hooks.append(on("IDLE", storm, times=1))
    async with play(script, poll_interval=NEVER) as p, watched(p):
        await until(lambda: len(p.stored) == 46, SOON)
        await until(lambda: p.server.counts["IDLE"] == 2)
        opened = [line for line in p.server.commands("EXAMINE") if "INBOX" not in line]
        assert len(opened) == 4
        assert p.complete()


async def test_news_of_mail_that_is_not_there_does_not_hurry_without_end(play, monkeypatch):
    monkeypatch.setattr(watching, "HASTE", 60.0)
    script = some()
    script.hooks.append(on("IDLE", lambda _c, _r: Reply([b"+ idling\r\n", b"* STATUS Beta (UIDNEXT 900)\r\n"], b"")))
    async with play(script, poll_interval=2) as p, watched(p):
        await until(lambda: p.server.counts["NOOP"] > 0)
        assert p.server.counts["IDLE"] <= listening.MOST_HASTY + 1


@pytest.mark.parametrize("capabilities", [TELLS, (*TELLS, "LIST-EXTENDED", "LIST-STATUS")])
async def test_mail_in_a_new_folder_has_the_list_asked_for_at_once(play, capabilities):
    script = some(capabilities=capabilities)

    def appears(_command: Command, _reply: Reply) -> Reply:
        script.mailboxes[b"New"] = Mailbox(messages(2), uidvalidity=40)
        return Reply([b"+ idling\r\n", told(b"New", script.mailboxes[b"New"])], b"")

    script.hooks.append(on("IDLE", appears, times=1))
    idles(script, b"New", lambda mailbox: told(b"New", mailbox))
    async with play(script, poll_interval=NEVER, list_interval=NEVER) as p, watched(p):
        await until(lambda: len(p.stored) == 9, SOON)  # two that were there, one that came to it later
        assert p.complete()
        assert "New" in {event.folder for event in p.recorder.of(FolderCreated)}


async def test_folders_that_are_not_chosen_are_left_alone(play):
    script = some(names=(b"Alpha", b"Private"))
    script.hooks.append(on("IDLE", lambda _c, _r: Reply([b"+ idling\r\n", b"* STATUS Private (UIDNEXT 90)\r\n"], b"")))
    async with play(script, poll_interval=NEVER, exclude=("Private",)) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] == 1)
        inbox(script).deliver(sample(9))
        await until(lambda: len(p.stored) == 5, SOON)
        assert not [line for line in p.server.commands("EXAMINE") if "Private" in line]
        assert p.server.counts["LIST"] == 1


async def test_a_connection_that_was_lost_asks_anew(play):
    script = some(on("IDLE", closes(), times=1))
    idles(script, b"Beta", lambda mailbox: told(b"Beta", mailbox), skip=1)
    async with play(script, poll_interval=NEVER) as p, watched(p, backoff_max=0.1):
        await until(lambda: len(p.stored) == 7, SOON)
        assert p.server.counts["NOTIFY"] == 2


@pytest.mark.parametrize("attributes", [(), ("\\All",)])
async def test_where_inbox_is_not_chosen_another_folder_stays_open(play, attributes):
    script = some(capabilities=("IMAP4rev1", "IDLE", "SPECIAL-USE", "LIST-EXTENDED"))
    script.mailboxes[b"Beta"].attributes = attributes
    name = b"Beta" if attributes else b"Alpha"
    async with play(script, poll_interval=NEVER, exclude=("INBOX",)) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] > 0)
        started = time.monotonic()
        script.mailboxes[name].deliver(sample(9))
        await until(lambda: len(p.stored) == 5, SOON)
        assert time.monotonic() - started < SOON
        assert p.server.connections == 1


async def test_answers_of_a_command_are_told_from_news(play):
    script = some(on("STATUS", adds("* STATUS INBOX (UNSEEN 4)", "* STATUS Beta (UIDNEXT 9)")))
    script.hooks.append(on("LIST", changes(lambda chunk: b"" if b"INBOX" in chunk else chunk)))
    async with play(script, poll_interval=0.3, list_interval=0.1) as p, watched(p):
        await until(lambda: p.server.counts["STATUS"] > 3)
        inbox(script).deliver(sample(9))
        await until(lambda: len(p.stored) == 7)
