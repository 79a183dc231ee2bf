"""What is said of a mailbox arrives: after a way out that failed, of any number of messages, and beside what cannot."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.common.contract.records import encode
from services.common.errors import ContractViolated, Unavailable
from services.common.events import (
    AccessAudited,
    Event,
    FlagsChanged,
    MessageFetched,
    MessagesReturned,
    MessagesVanished,
)
from services.common.runtime.kafka.producer import check_size
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import UidSet
from services.poller.folders import news
from services.storer.mailbox import MOST_UIDS
from tests.fakes.imap_model import Mailbox, Script, closes, folder, messages, on
from tests.integration.poller.conftest import Play, Recorder, inbox
from tests.integration.poller.test_labels import labelled, labels_of
from tests.polling import until_meanwhile as until

NAME_OF_3_KB = bytes(random.Random(7).choices(b"abcdefghijklmnopqrstuvwxyz", k=3_000))


class Failing(Recorder):
    """A way out that is down for the first event of a kind."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind: type | None = kind

    async def publish(self, events: Sequence[Event]) -> None:
        if self.kind and any(isinstance(event, self.kind) for event in events):
            self.kind = None
            raise Unavailable("Kafka did not confirm")
        await super().publish(events)


class Narrow(Recorder):
    """A way out that has no room for events of a kind about one folder, or one message of it."""

    def __init__(self, kind: type, name: str, uid: int = 0) -> None:
        super().__init__()
        self.kind, self.name, self.uid = kind, name, uid

    async def publish(self, events: Sequence[Event]) -> None:
        for event in events:
            place = getattr(event, "place", event)
            if isinstance(event, self.kind) and (place.folder, getattr(place, "uid", 0)) == (self.name, self.uid):
                raise ContractViolated("record.too-large", "an event does not fit a Kafka record")
        await super().publish(events)


def changes_flags(script: Script) -> None:
    inbox(script).messages[0].flags.add("\\Seen")


@pytest.mark.parametrize(
    ("kind", "change"),
    [(FlagsChanged, changes_flags), (MessagesVanished, lambda script: inbox(script).expunge(3))],
)
async def test_what_could_not_be_said_is_said_at_the_next_try(play, kind, change):
    async with play(Script({b"INBOX": Mailbox(messages(5))})) as p:
        await p.sync()
        change(p.server.script)
        p.recorder = Failing(kind)
        assert (await p.sync(attempts=1)).exit_code != 0
        assert (await p.sync()).exit_code == 0
        assert len(p.recorder.of(kind)) == 1


async def test_the_end_of_a_folder_that_could_not_be_said_is_said_at_the_next_try(play):
    script = Script({b"INBOX": Mailbox(messages(2)), b"Work": Mailbox(messages(3), uidvalidity=4)})
    async with play(script, vanish_confirm=0) as p:
        await p.sync()
        del script.mailboxes[b"Work"]
        await p.sync()
        p.recorder = Failing(MessagesVanished)
        assert (await p.sync(attempts=1)).exit_code != 0
        assert (await p.sync()).exit_code == 0
        assert [event.uids for event in p.recorder.of(MessagesVanished)] == ["1:3"]


async def test_labels_are_told_of_mail_that_came_before_the_connection_went(play):
    script = labelled()
    async with play(script, batch_messages=1) as p:
        script.hooks.append(on("UID FETCH", closes(), has="BODY.PEEK[]", skip=2, times=1))
        assert (await p.sync()).exit_code == 0
        assert p.server.connections == 2
        assert labels_of(p, "INBOX") == dict.fromkeys(range(102, 111, 2), ("\\Inbox",))


def record_of(p: Play) -> FolderRecord:
    return FolderRecord(id="f1", account=p.slug, wire=folder("项目"), name="项目", uidvalidity=7)


def spread(count: int) -> UidSet:
    return UidSet.of(range(4_000_000_000, 4_000_000_000 + 2 * count, 2))


def texts_of(event: FlagsChanged | MessagesVanished | MessagesReturned) -> list[str]:
    return [change.uids for change in event.changes] if isinstance(event, FlagsChanged) else [event.uids]


def union(*texts: str) -> UidSet:
    return UidSet.from_ranges(span for text in texts for span in UidSet.parse(text).spans())


@pytest.mark.parametrize("uids", [UidSet.range(1, 2_500_000), spread(130_000)], ids=["together", "apart"])
async def test_what_is_said_of_any_number_of_messages_fits_and_can_be_used(play, uids):
    async with play(Script()) as p:
        work, record = p.work(), record_of(p)
        flags = {f"keyword{n}": uids & UidSet.range(uids.lowest + 7 * n, uids.highest - 5 * n) for n in range(3)}
        told = {
            MessagesVanished: list(news.vanished(work, record, uids)),
            MessagesReturned: list(news.returned(work, record, uids)),
            FlagsChanged: list(news.flagged(work, record, flags, uids, labelled=False)),
        }
        for events in told.values():
            parts = [union(*texts_of(event)) for event in events]
            assert (union(*(part.text() for part in parts)), sum(map(len, parts))) == (uids, len(uids))
            assert max(map(len, parts)) <= MOST_UIDS
        everything = [event for events in told.values() for event in events]
        for event in everything:
            check_size(encode(event, "poller", datetime.now(UTC)))
        assert len({event.sequence for event in everything}) == len(everything)


async def test_flags_that_fill_a_record_are_said_in_several_events(play):
    async with play(Script()) as p:
        uids = UidSet.range(1, 2_000)
        flags = {f"k{n}-{'x' * 1_000}": UidSet.of([n]) for n in uids}
        told = list(news.flagged(p.work(), record_of(p), flags, uids, labelled=False))
        assert sum(len(event.changes) for event in told) == len(uids)
        for event in told:
            check_size(encode(event, "poller", datetime.now(UTC)))


async def test_a_message_that_no_record_holds_costs_itself_only(play):
    script = Script({b"INBOX": Mailbox(messages(12)), b"Work": Mailbox(messages(3), uidvalidity=4)})
    async with play(script) as p:
        p.recorder = Narrow(MessageFetched, "INBOX", 5)
        assert (await p.sync()).exit_code == 3
        assert len(p.stored) == 14
        assert p.quarantined() == {5: "contract"}


async def test_a_folder_of_which_something_cannot_be_said_keeps_no_other_waiting_and_says_why(play):
    boxes = {wire: Mailbox(messages(3), uidvalidity=n) for n, wire in enumerate((b"INBOX", b"Alpha", b"Beta"), 5)}
    async with play(Script(boxes)) as p:
        await p.sync()
        for box in boxes.values():
            box.messages[0].flags.add("\\Seen")
            box.deliver(b"Subject: new\r\n\r\nnew\r\n")
        p.recorder = Narrow(FlagsChanged, "INBOX")
        result = await p.sync()
        assert (result.exit_code, {name for name, _, _ in p.stored}) == (3, {"Alpha", "Beta"})
        assert "record.too-large" in result.failure


async def test_a_folder_whose_name_is_too_long_keeps_no_other_waiting_and_is_told(play):
    script = Script({b"INBOX": Mailbox(messages(2)), NAME_OF_3_KB: Mailbox(messages(2), uidvalidity=4)})
    async with play(script) as p:
        result = await p.sync()
        assert (result.exit_code, len(p.stored)) == (3, 2)
        assert "folder list cannot be read" in result.failure


async def test_a_connection_that_cannot_be_told_of_is_closed(play):
    async with play(Script({b"INBOX": Mailbox(messages(2))})) as p:
        p.recorder = Failing(AccessAudited)
        assert (await p.sync()).exit_code == 0
        assert (p.complete(), p.server.connections) == (True, 2)
        await until(lambda: p.server.open_now == 0)
