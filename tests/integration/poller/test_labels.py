"""Scenario 17: labels as folders. A message is fetched once, has all its places, and its labels are followed."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from services.common.events import FlagsChanged, MessageFetched
from services.poller.domain.counters import FLAGS_EVERY
from services.poller.passes import folder_pass
from tests.fakes.imap_model import Mailbox, Message, Script, changes, messages, on, sample, says
from tests.integration.poller.conftest import Play, inbox

GMAIL = ("IMAP4rev1", "CONDSTORE", "SPECIAL-USE", "LIST-EXTENDED", "X-GM-EXT-1")
ALL = b"[Gmail]/All Mail"


def labelled(*, hidden: bool = False) -> Script:
    """Ten messages; the even ones are in INBOX, every third in Work."""
    boxes = {
        b"INBOX": Mailbox([gmail(100 + n, n, "\\Inbox") for n in range(2, 11, 2)]),
        b"Work": Mailbox([gmail(200 + n, n, "Work") for n in range(3, 11, 3)]),
        b"[Gmail]": Mailbox(attributes=("\\Noselect",)),
    }
    if not hidden:
        boxes[ALL] = Mailbox([gmail(n, n) for n in range(1, 11)], attributes=("\\All",))
    return Script(boxes, capabilities=GMAIL)


def gmail(uid: int, number: int, *labels: str) -> Message:
    return Message(uid, sample(number), gm_msgid=9_000 + number, labels=labels)


def fetched(p: Play) -> list[str]:
    return [event.contentsha256 for event in p.recorder.of(MessageFetched) if isinstance(event, MessageFetched)]


async def test_a_message_under_several_labels_is_fetched_once(play):
    async with play(labelled()) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert len(fetched(p)) == len(set(fetched(p))) == 10


async def test_a_hidden_all_mail_loses_nothing_that_is_shown(play):
    async with play(labelled(hidden=True), {"provider": "gmail"}) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert len(fetched(p)) == len(set(fetched(p))) == 7


async def test_gmail_itself_is_read_by_its_all_mail(play):
    async with play(labelled(), {"provider": "gmail"}, include=("\\All", "\\Trash", "\\Junk")) as p:
        assert (await p.sync()).exit_code == 0
        assert {folder for folder, _, _ in p.stored} == {ALL.decode()}
        assert len(p.stored) == 10


async def test_labels_are_told_at_first_and_when_they_change(play):
    script = labelled()
    async with play(script) as p:
        await p.sync()
        assert labels_of(p, "INBOX") == dict.fromkeys(range(102, 111, 2), ("\\Inbox",))
        changed = inbox(script).messages[0]
        changed.labels, changed.modseq = ("\\Inbox", "工作"), 50
        inbox(script).messages[1].labels, inbox(script).messages[1].modseq = (), 51
        assert (await p.sync()).exit_code == 0
        rest = dict.fromkeys((106, 108, 110), ("\\Inbox",))
        assert labels_of(p, "INBOX") == {102: ("\\Inbox", "工作"), 104: (), **rest}


async def test_no_message_is_fetched_again_to_tell_its_folder(play):
    """Neither a large one nor one under a second label: their headers tell."""
    labelled = [Message(n, sample(n), gm_msgid=n) for n in range(1, 4)]
    boxes = {b"INBOX": Mailbox([*labelled, *messages(2, first=4, size=1_000_000)]), b"Work": Mailbox(labelled)}
    async with play(Script(boxes, capabilities=("IMAP4rev1", "X-GM-EXT-1"))) as p:
        assert (await p.sync()).exit_code == 0
        fetched = len(p.server.commands("UID FETCH"))
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert not [line for line in p.server.commands("UID FETCH")[fetched:] if "BODY.PEEK[]" in line]


def shows_more(chunk: bytes) -> bytes:
    """A header with a field more than the message has."""
    added = b"X-Seen-By: gate\r\n"
    return re.sub(
        rb"(BODY\[HEADER\] )\{(\d+)\}\r\n", lambda m: b"%s{%d}\r\n%s" % (m[1], int(m[2]) + len(added), added), chunk
    )


async def test_headers_that_are_shown_otherwise_are_learned(play):
    async with play(Script({b"INBOX": Mailbox(messages(9))}, hooks=[on("UID FETCH", changes(shows_more))])) as p:
        asked = []
        for _ in range(5):
            before = len(p.server.commands("UID FETCH"))
            assert (await p.sync()).exit_code == 0
            assert p.complete()
            asked.append(sum("BODY.PEEK[]" in line for line in p.server.commands("UID FETCH")[before:]))
        assert asked[3:] == [0, 0]


@pytest.mark.parametrize(
    "answer", [says("NO not now"), says("BAD what"), changes(lambda chunk: re.sub(rb"FLAGS \([^)]*\)", b"", chunk))]
)
async def test_ids_that_are_refused_or_half_told_cost_a_second_download_only(play, answer):
    script = labelled()
    script.hooks.append(on("UID FETCH", answer, has="BODY.PEEK[HEADER]"))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("name", [lambda n: "SAME", lambda n: f"E{n}"])
async def test_an_id_that_several_messages_have_is_not_believed(play, name):
    def box(first: int) -> Mailbox:
        return Mailbox([Message(n, sample(first + n), emailid=name(n)) for n in range(1, 5)])

    async with play(Script({b"INBOX": box(10), b"Work": box(20)}, capabilities=("IMAP4rev1", "OBJECTID"))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_an_id_of_messages_that_differ_in_length_only_is_not_believed(play):
    """As where a list server or a filter adds its lines to one copy of a message."""
    short = [Message(n, sample(n), emailid=f"E{n}") for n in range(1, 5)]
    long = [Message(n, sample(n) + b"Added to this copy only.\r\n", emailid=f"E{n}") for n in range(1, 5)]
    boxes = {b"INBOX": Mailbox(short), b"Work": Mailbox(long)}
    async with play(Script(boxes, capabilities=("IMAP4rev1", "OBJECTID"))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_server_without_labels_tells_none(play):
    script = Script({b"INBOX": Mailbox([gmail(1, 1, "Work")])})
    async with play(script) as p:
        await p.sync()
        inbox(script).messages[0].flags.add("\\Seen")
        await p.sync()
        assert labels_of(p, "INBOX") == {1: None}


def labels_of(p: Play, folder: str) -> dict[int, tuple[str, ...] | None]:
    """The last word on the labels of each UID."""
    told: dict[int, tuple[str, ...] | None] = {}
    for event in p.recorder.of(FlagsChanged):
        if isinstance(event, FlagsChanged) and event.folder == folder:
            for change in event.changes:
                for uid in uids(change.uids):
                    told[uid] = change.labels
    return told


def uids(text: str) -> list[int]:
    spans = [(int(low), int(high or low)) for low, _, high in (part.partition(":") for part in text.split(","))]
    return [uid for low, high in spans for uid in range(low, high + 1)]


async def test_a_change_that_is_counted_before_it_is_shown_is_told_when_it_is_shown(play):
    script = labelled()
    box = inbox(script)
    async with play(script) as p:
        await p.sync()
        told = len(p.recorder.of(FlagsChanged))
        box.highestmodseq = 50
        for _ in range(2):
            assert (await p.sync()).exit_code == 0
            assert len(p.recorder.of(FlagsChanged)) == told
        box.messages[0].labels, box.messages[0].modseq = ("\\Inbox", "工作"), 50
        assert (await p.sync()).exit_code == 0
        assert labels_of(p, "INBOX")[102] == ("\\Inbox", "工作")
        asked = changes_asked(p)
        assert (await p.sync()).exit_code == 0
        assert changes_asked(p) == asked


def changes_asked(p: Play) -> int:
    return sum("CHANGEDSINCE" in line for line in p.server.commands("UID FETCH"))


async def test_a_change_that_is_counted_and_never_shown_is_waited_for_a_quarter_of_an_hour(play):
    clock, record = SimpleNamespace(time=1000.0), SimpleNamespace(id="f1", modseq_done=7)
    clock.monotonic = lambda: clock.time
    async with play(labelled()) as p:
        work = replace(p.work(), clock=clock)

        def kept(told: int | None, *, behind: bool = True) -> int | None:
            return folder_pass._modseq_to_keep(work, record, SimpleNamespace(highestmodseq=told), behind=behind)

        assert (kept(9, behind=False), kept(None)) == (9, None)
        for told, moment, expected in ((9, 0, 7), (9, FLAGS_EVERY - 1, 7), (12, 2, 7), (12, FLAGS_EVERY, 12)):
            clock.time += moment
            assert kept(told) == expected
