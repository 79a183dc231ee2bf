"""Servers that list badly: refused ranges, answers cut short, counters that lie. The sets decide all the same."""

import pytest

from services.poller.domain.state import Listed
from services.poller.domain.uidset import UidSet
from services.poller.imap.model import Events
from services.poller.passes.enumerate import count_after
from tests.fakes.imap_model import Action, Command, Mailbox, Message, Reply, Script, changes, messages, on, sample, says
from tests.fakes.imap_scenarios import QRESYNC
from tests.integration.poller.conftest import inbox, on_server

LISTING = "(UID FLAGS)"


def refused(tagged: bytes, which: str) -> Action:
    return lambda command, reply: Reply(tagged=tagged) if which in command.text.split(" ")[0] else reply


def first(count: int) -> Action:
    return lambda _command, reply: setattr(reply, "untagged", reply.untagged[:count])


def last(count: int) -> Action:
    return lambda _command, reply: setattr(reply, "untagged", reply.untagged[-count:])


def without_five_in_groups(_command: Command, reply: Reply) -> None:
    if len(reply.untagged) > 1:
        reply.untagged = [chunk for chunk in reply.untagged if b"UID 5 " not in chunk]


def limited(_command: Command, reply: Reply) -> None:
    if len(reply.untagged) > 5:
        reply.untagged, reply.tagged = reply.untagged[:5], b"NO [MESSAGELIMIT 5] too many"


def said_to_be_empty(chunk: bytes) -> bytes:
    if b"EXISTS" in chunk:
        return b"* 0 EXISTS\r\n"
    return b"* OK [UIDNEXT 1] next\r\n" if b"UIDNEXT" in chunk else chunk


@pytest.mark.parametrize(
    "action",
    [refused(b"BAD range too large", "1:*"), refused(b"NO too many", "*"), first(7), last(7), limited,
     without_five_in_groups],
    ids=["everything-is-bad", "star-is-refused", "first-seven", "last-seven", "limited", "hole"],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 90_000_000])
async def test_a_server_that_lists_in_parts_only(play, action, step):
    hooks = [on("UID FETCH", action, has=LISTING), on("UID SEARCH", says("BAD no"))]
    async with play(Script({b"INBOX": Mailbox(messages(40, step=step))}, hooks=hooks)) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


def without_the_newest(which: str) -> Action:
    """Unless it is asked for in this way."""

    def action(command: Command, reply: Reply) -> None:
        if "BODY" not in command.text and which not in f" {command.text} ":
            reply.untagged = [chunk for chunk in reply.untagged if b"UID 10 " not in chunk and b"UID 10)" not in chunk]

    return action


@pytest.mark.parametrize(
    ("which", "search"),
    [(" (UID) ", [on("UID SEARCH", says("NO not here"))]), (" 10 (UID", [])],
    ids=["without flags", "by its number"],
)
async def test_one_that_is_listed_in_one_way_only_is_found(play, which, search):
    hooks = [on("UID FETCH", without_the_newest(which)), *search]
    async with play(Script({b"INBOX": Mailbox(messages(10))}, hooks=hooks)) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("refusal", ["NO not here", "BAD what"])
async def test_one_that_is_counted_and_never_listed_is_told_where_a_search_is_refused_too(play, refusal):
    hooks = [on("UID FETCH", without_the_newest("never")), on("UID SEARCH", says(refusal))]
    async with play(Script({b"INBOX": Mailbox(messages(10))}, hooks=hooks), attempts=2) as p:
        result = await p.sync()
        assert (result.exit_code, result.failure) == (3, "the server lists 9 of 10 messages")
        assert {uid for _, _, uid in p.stored} == {*range(1, 10)}


@pytest.mark.parametrize(
    ("events", "count"),
    [
        (Events(), 10),
        (Events(exists=12), 12),
        (Events(exists=11, expunged=1), 11),
        (Events(expunged=2), 8),
        (Events(vanished=UidSet.of([3, 99])), 9),
        (Events(exists=12, vanished=UidSet.of([2, 3, 99]), since=UidSet.of([3, 99])), 11),
        (Events(exists=0, since=UidSet.of([3])), 0),
    ],
)
def test_how_many_there_are_after_what_was_said(events, count):
    listed = Listed(UidSet.range(1, 10), {}, complete=True, flagged=UidSet.range(1, 10))
    assert count_after(10, events, listed) == count


@pytest.mark.parametrize("order", ["EXISTS VANISHED", "EXISTS RECENT VANISHED", "VANISHED EXISTS"])
@pytest.mark.parametrize(("come", "go"), [(2, 3), (3, 3), (1, 2)])
async def test_what_comes_and_vanishes_in_one_answer_is_counted(play, order, come, go):
    script = Script({b"INBOX": Mailbox(messages(10))}, capabilities=QRESYNC)

    def both(_command: Command, reply: Reply) -> None:
        box = inbox(script)
        for number in range(come):
            box.deliver(sample(60 + number))
        box.expunge(*range(1, go + 1))
        exists = 10 + come if order.startswith("EXISTS") else len(box.messages)
        said = {"EXISTS": f"* {exists} EXISTS", "RECENT": "* 1 RECENT", "VANISHED": f"* VANISHED 1:{go}"}
        reply.untagged += [said[word].encode() + b"\r\n" for word in order.split()]

    script.hooks.append(on("UID FETCH", both, has="BODY.PEEK[]", times=1, skip=1))
    async with play(script, attempts=1) as p:
        assert (await p.sync()).exit_code == 0
        assert on_server(script).items() <= p.stored.items()
        assert p.last_errors() == {"INBOX": None}
        assert (p.server.connections, p.server.counts["UID SEARCH"]) == (1, 0)


async def test_a_listing_that_is_refused_in_every_form_is_told(play):
    hooks = [on("UID FETCH", says("NO never"), has=LISTING), on("UID SEARCH", says("NO never"))]
    async with play(Script({b"INBOX": Mailbox(messages(3))}, hooks=hooks), attempts=2) as p:
        result = await p.sync()
        assert (result.exit_code, "never" in result.failure) == (3, True)


async def test_a_folder_said_never_to_have_had_mail_is_asked_all_the_same(play):
    script = Script({b"INBOX": Mailbox(messages(4))}, hooks=[on("EXAMINE", changes(said_to_be_empty))])
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("capabilities", [("IMAP4rev1",), ("IMAP4rev1", "CONDSTORE")])
async def test_one_gone_and_one_new_behind_a_uidnext_that_stands_still(play, capabilities):
    async with play(Script({b"INBOX": Mailbox(messages(12))}, capabilities=capabilities)) as p:
        await p.sync()
        box = inbox(p.server.script)
        box.uidnext = 13
        box.expunge(3)
        box.messages.append(Message(13, sample(13), modseq=box.modseq() + 1))
        assert (await p.sync()).exit_code == 0
        assert ("INBOX", 1_700_000_000, 13) in p.stored


def without_thirteen(_command: Command, reply: Reply) -> None:
    reply.untagged = [chunk for chunk in reply.untagged if b"UID 13 " not in chunk]


async def test_one_gone_and_one_new_that_only_a_listing_of_all_shows(play):
    """The count fits although one is gone of which nothing is told and another is not there yet."""
    async with play(Script({b"INBOX": Mailbox(messages(12))}, capabilities=("IMAP4rev1", "CONDSTORE"))) as p:
        await p.sync()
        inbox(p.server.script).expunge(3)
        inbox(p.server.script).deliver(sample(13))
        p.server.script.hooks += [on("UID FETCH", without_thirteen, has=which) for which in ("13:", "CHANGEDSINCE")]
        assert (await p.sync()).exit_code == 0
        assert ("INBOX", 1_700_000_000, 13) in p.stored
        assert p.report().vanished == 1


def without_five_but_in_the_whole(command: Command, reply: Reply) -> None:
    if not command.text.startswith("1:*"):
        reply.untagged = [chunk for chunk in reply.untagged if b"UID 5 " not in chunk and b"UID 5)" not in chunk]


async def test_one_that_is_listed_among_all_and_never_alone_is_quarantined(play):
    script = Script({b"INBOX": Mailbox(messages(10))}, hooks=[on("UID FETCH", without_five_but_in_the_whole)])
    async with play(script) as p:
        for _ in range(2):
            assert (await p.sync()).exit_code == 3
            assert p.quarantined() == {5: "no-answer"}
            assert (len(p.stored), p.report().missing) == (9, 0)
        inbox(script).expunge(5)
        for _ in range(2):
            assert (await p.sync()).exit_code == 0
            assert (p.report().quarantined, p.report().vanished) == (0, 1)
