"""Answers that look well and are not: each of these once stored, dropped or blamed the wrong message."""

from dataclasses import replace

import pytest

from services.common.events import FolderGone
from services.poller.adapters import PostgresContents
from tests.fakes.imap_model import (
    Action,
    Command,
    Mailbox,
    Message,
    Reply,
    Script,
    adds,
    changes,
    closes,
    messages,
    on,
    sample,
    says,
)
from tests.fakes.imap_scenarios import QRESYNC
from tests.integration.poller.conftest import inbox, on_server
from tests.integration.poller.ten_messages import only_missing, ten

BODY, HUGE = "BODY.PEEK[]", "5368709120"


def in_bodies(script: Script, action: Action, **values: int) -> Script:
    script.hooks.append(on("UID FETCH", action, has=BODY, **values))
    return script


def three() -> Script:
    boxes = {wire: Mailbox(messages(3), uidvalidity=n) for n, wire in enumerate((b"INBOX", b"Alpha", b"Beta"), 5)}
    return Script(boxes)


@pytest.mark.parametrize("end", [b") and on", b" and on)", b" and (on) and on)"])
async def test_a_literal_that_ends_inside_the_message_is_never_stored(play, end):
    raw = b"Subject: x\r\n\r\nto here" + end + b"\r\nand further\r\n"
    short = b"{%d}" % raw.index(end)
    edit = changes(lambda chunk: chunk.replace(b"{%d}" % len(raw), short) if b"UID 5 " in chunk else chunk)
    async with play(in_bodies(ten(raw=raw), edit)) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert p.quarantined() == {5: "no-answer"}


@pytest.mark.parametrize("rest", [b")\r\n", b"a\r\n)\r\nb\r\n", b" FLAGS (x))\r\n* 3 EXISTS\r\nmore\r\n"])
async def test_a_literal_that_ends_where_the_answer_might_is_never_stored(play, rest):
    raw = b"Subject: x\r\n\r\nto here\r\n"
    short = b"{%d}" % (len(raw) - (not rest.startswith(b")")))
    edit = changes(lambda chunk: chunk.replace(b"{%d}" % len(raw + rest), short) if b"UID 5 " in chunk else chunk)
    async with play(in_bodies(ten(raw=raw + rest), edit)) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert p.quarantined() == {5: "no-answer"}


@pytest.mark.parametrize(("length", "stored"), [(100, False), (None, True)])
async def test_a_piece_of_a_message_is_no_message(play, length, stored):
    script = ten()
    raw = inbox(script).messages[4].raw
    part = raw[:length]

    def edit(chunk: bytes) -> bytes:
        return chunk.replace(b"BODY[] {%d}\r\n%b" % (len(raw), raw), b"BODY[]<0> {%d}\r\n%b" % (len(part), part))

    async with play(in_bodies(script, changes(edit))) as p:
        assert ((await p.sync()).exit_code == 0) is stored
        assert p.complete() if stored else only_missing(p, 5)


@pytest.mark.parametrize("head", ["5 FETCH (BODY[] {%s}", "5 FETCH (UID 99 BODY[] {%s}"], ids=["unnamed", "foreign"])
async def test_a_huge_literal_is_blamed_on_no_other_message(play, head):
    def action(_command: Command, reply: Reply) -> Reply | None:
        asked = any(b"UID 5 " in chunk for chunk in reply.untagged)
        return Reply([b"* " + (head % HUGE).encode() + b"\r\n"], b"", close=True) if asked else None

    async with play(in_bodies(ten(), action)) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert p.quarantined() == {5: "too-large"}


async def test_uids_that_are_given_anew_while_the_folder_is_open(play):
    script = ten()

    def renumber(_command: Command, reply: Reply) -> None:
        inbox(script).uidvalidity = 1_800_000_000
        for message in inbox(script).messages:
            message.raw = sample(message.uid + 100)
        reply.untagged.insert(0, b"* OK [UIDVALIDITY 1800000000] renumbered\r\n")

    async with play(in_bodies(script, renumber, times=1)) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_the_same_uidvalidity_told_again_changes_nothing(play):
    async with play(in_bodies(ten(), adds("* OK [UIDVALIDITY 1700000000] still", "* OK [UIDVALIDITY x] odd"))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert p.server.connections == 1


async def test_one_mailboxid_for_several_folders_is_no_rename(play):
    def box(first: int) -> Mailbox:
        return Mailbox([Message(n, sample(first + n)) for n in (1, 2, 3)], uidvalidity=7, mailboxid="SAME")

    script = Script({b"INBOX": box(0), b"Old": box(10)}, capabilities=QRESYNC)
    async with play(script) as p:
        await p.sync()
        del script.mailboxes[b"Old"]
        script.mailboxes[b"New"] = box(20)
        assert (await p.sync()).exit_code == 0
        assert {place for place in p.stored if place[0] == "New"} == {("New", 7, uid) for uid in (1, 2, 3)}


async def test_two_folders_that_swapped_names_are_told_apart_by_their_mailboxid(play):
    def box(first: int) -> Mailbox:
        return Mailbox([Message(n, sample(first + n)) for n in (1, 2, 3)], uidvalidity=7, mailboxid=f"M{first}")

    script = Script({b"INBOX": box(0), b"One": box(10), b"Two": box(20)}, capabilities=QRESYNC)
    async with play(script) as p:
        await p.sync()
        boxes = script.mailboxes
        boxes[b"One"], boxes[b"Two"] = boxes[b"Two"], boxes[b"One"]
        assert (await p.sync()).exit_code == 0
        assert p.stored == on_server(script)


async def test_folders_whose_status_tells_no_real_mailboxid_are_not_opened_again_for_it(play):
    """Cyrus 3.6.1: EXAMINE tells the identifier, STATUS octets of its memory."""
    boxes = {name: Mailbox(messages(2), mailboxid="7i3s4t3zn0w03q54mz7ry8jf") for name in (b"INBOX", b"Lists")}
    script = Script(boxes, capabilities=QRESYNC)

    def octets(_command: Command, reply: Reply) -> Reply:
        lines = [line.replace(b"7i3s4t3zn0w03q54mz7ry8jf", b":\xda!\x7f\xbfU") for line in reply.untagged]
        return replace(reply, untagged=lines)

    script.hooks.append(on("LIST", octets))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        opened = len(p.server.commands("EXAMINE"))
        assert (await p.sync()).exit_code == 0
        assert [line for line in p.server.commands("EXAMINE")[opened:] if "Lists" in line] == []
        assert p.complete()


async def test_a_message_id_with_nul_does_not_stop_a_new_epoch(play):
    script = ten(raw=b"Message-ID: <a\0b@example.org>\r\nSubject: x\r\n\r\nbody\0\r\n")
    async with play(script) as p:
        p.contents = PostgresContents(p.engine)
        await p.sync()
        inbox(script).uidvalidity = 1_800_000_000
        assert (await p.sync()).exit_code == 0
        assert on_server(script).items() <= p.stored.items()


@pytest.mark.parametrize(
    "hook",
    [
        on("LIST", says("NO [SERVERBUG] not in this form"), has="RETURN"),
        on("EXAMINE", says("NO [UNAVAILABLE] not in this form"), has="CONDSTORE"),
        on("NOOP", says("NO [UNAVAILABLE] later")),
    ],
    ids=["list", "examine", "noop"],
)
async def test_an_optional_command_that_is_never_available_is_done_without(play, hook):
    script = three()
    script.capabilities = QRESYNC
    script.hooks.append(hook)
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert p.server.connections == 1


async def test_without_a_folder_list_for_the_time_being_inbox_is_read(play):
    script = three()
    script.hooks.append(on("LIST", says("NO [UNAVAILABLE] later")))
    async with play(script, attempts=2) as p:
        result = await p.sync()
        assert (result.exit_code, "LIST" in result.failure) == (3, True)
        assert {place[0] for place in p.stored} == {"INBOX"}


@pytest.mark.parametrize("answer", ["NO [INUSE] later", "NO refused", "BAD what"])
async def test_an_inbox_that_is_neither_listed_nor_told_of_is_opened_all_the_same(play, answer):
    script = three()
    script.hooks.append(on("LIST", changes(lambda chunk: b"" if b"INBOX" in chunk else chunk)))
    script.hooks.append(on("STATUS", says(answer)))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize(
    "action",
    [says("BAD no"), says("NO [UNAVAILABLE] later"), closes(), lambda _c, _r: Reply(silent=True)],
    ids=["bad", "unavailable", "closes", "silent"],
)
async def test_a_new_folder_that_cannot_be_opened_keeps_no_other_from_being_read(play, action):
    script = three()
    async with play(script, command_timeout=0.5) as p:
        await p.sync()
        script.mailboxes[b"Aaa"] = script.mailboxes.pop(b"Alpha")
        script.mailboxes[b"Beta"].deliver(sample(50))
        script.hooks.append(on("EXAMINE", action, has="Aaa"))
        assert (await p.sync()).exit_code == 3
        assert ("Beta", 7, 4) in p.stored


async def test_mail_that_comes_while_another_message_is_left_out_is_fetched_in_the_same_run(play):
    script = ten()

    def left_out(_command: Command, reply: Reply) -> None:
        inbox(script).deliver(sample(60))
        reply.untagged = [*(chunk for chunk in reply.untagged if b"UID 5 " not in chunk), b"* 11 EXISTS\r\n"]

    async with play(in_bodies(script, left_out, times=1, skip=1)) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_what_is_said_to_have_vanished_is_not_waited_for(play):
    script = Script({b"INBOX": Mailbox(messages(10))}, capabilities=QRESYNC)

    def go(_command: Command, reply: Reply) -> None:
        inbox(script).expunge(1, 2, 3)
        reply.untagged.append(b"* VANISHED 1:3,700:4294967295\r\n")

    async with play(in_bodies(script, go, times=1, skip=1)) as p:
        assert (await p.sync()).exit_code == 0
        assert {place[2] for place in p.stored} >= set(range(4, 11))
        assert (p.server.connections, p.server.counts["UID SEARCH"]) == (1, 0)


async def test_a_uidnext_that_falls_while_no_mail_is_shown_ends_no_folder(play):
    script = ten()
    async with play(script) as p:
        await p.sync()
        inbox(script).uidnext = 5
        script.hooks += [on("UID FETCH", says("NO [UNAVAILABLE] later"), has=section) for section in ("HEADER", BODY)]
        assert (await p.sync()).exit_code == 3
        script.hooks.clear()
        assert (await p.sync()).exit_code == 0
        assert p.recorder.of(FolderGone) == []
        assert p.complete()


@pytest.mark.parametrize("same", [True, False])
async def test_a_uidnext_that_falls_where_headers_are_refused_is_judged_by_bodies(play, same):
    script = ten()
    async with play(script) as p:
        await p.sync()
        inbox(script).uidnext = 5
        if not same:
            inbox(script).messages = [Message(uid, sample(uid + 70)) for uid in range(1, 5)]
        script.hooks.append(on("UID FETCH", says("NO [SERVERBUG] never"), has="HEADER"))
        assert (await p.sync()).exit_code == 0
        assert len(p.recorder.of(FolderGone)) == (not same)
        assert on_server(script).items() <= p.stored.items()


async def test_what_goes_after_it_was_counted_is_not_waited_for(play):
    script = ten()

    def come_and_go(_command: Command, reply: Reply) -> None:
        inbox(script).deliver(sample(60))
        inbox(script).expunge(1, 2, 3)
        reply.untagged += [b"* 11 EXISTS\r\n", *[b"* 1 EXPUNGE\r\n"] * 3]

    async with play(in_bodies(script, come_and_go, times=1)) as p:
        assert (await p.sync()).exit_code == 0
        assert {place[2] for place in p.stored} >= set(range(4, 12))
        assert (p.server.connections, p.server.counts["UID SEARCH"]) == (1, 0)
