"""The rules of docs/events.md for a reader of the topics: with records alone it has the same table as Postgres."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from services.common import topics
from services.common.contract.records import Record, encode
from tests.fakes.mail_events import message, parsed
from tests.integration.storer.conftest import Storer
from tests.integration.storer.test_any_order import UIDS, Model
from tests.integration.storer.test_mailbox import report

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PLACES = "SELECT folder, uid, flags, visible FROM email_places ORDER BY uid"
Numbered = tuple[int, Any]


@dataclass
class Reader:
    """A stranger's table: what was said of each place and folder, with the number of the event that said it."""

    mail: dict[int, list[str]] = field(default_factory=dict)
    flags: dict[int, Numbered] = field(default_factory=dict)
    visible: dict[int, Numbered] = field(default_factory=dict)
    name: Numbered = (0, "")

    def take(self, record: Record) -> None:
        said = {name: text.decode() for name, text in record.headers}
        kind, value = said["ce_type"].split(".")[2], json.loads(record.value or b"")
        if kind == "email-parsed":
            self.mail.setdefault(int(said["ce_uid"]), said.get("ce_flags", "").split())
            return
        number = value["sequence"]
        self.name = max(self.name, (number, value["folder"]))
        for group in value.get("changes", ()):
            _keep(self.flags, group["uids"], (number, group["flags"]))
        if kind in ("messages-vanished", "messages-returned"):
            _keep(self.visible, value["uids"], (number, kind == "messages-returned"))

    def rows(self) -> list[tuple[Any, ...]]:
        return [
            (self.name[1], uid, self.flags.get(uid, (0, read))[1], self.visible.get(uid, (0, True))[1])
            for uid, read in sorted(self.mail.items())
        ]


def _keep(known: dict[int, Numbered], uids: str, told: Numbered) -> None:
    for uid in _members(uids):
        known[uid] = max(known.get(uid, (0, None)), told, key=lambda each: each[0])


def _members(uids: str) -> Iterator[int]:
    for part in uids.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


def _interleaved(chance: random.Random, *streams: Sequence[Record]) -> Iterator[Record]:
    """Each stream in its order, between each other in none, and from an earlier record on again now and then."""
    places = dict.fromkeys(range(len(streams)), 0)
    while open_ := [each for each, at in places.items() if at < len(streams[each])]:
        chosen = chance.choice(open_)
        yield streams[chosen][places[chosen]]
        places[chosen] = max(0, places[chosen] + 1 - (chance.randrange(4) if chance.random() < 0.2 else 0))


@pytest.mark.parametrize("seed", range(6))
async def test_a_reader_that_keeps_the_rules_has_the_rows_of_the_database(storer: Storer, seed: int) -> None:
    chance, model = random.Random(seed), Model()
    changes = [report(1), *(model.event(chance, sequence) for sequence in range(2, 30))]
    mails = [replace((await parsed(message(f"n{uid}").as_bytes(), uid))[0], flags=("x",)) for uid in UIDS]
    chance.shuffle(mails)
    reparsed = [replace(mail, flags=()) for mail in chance.sample(mails, 5)]
    await storer.take(topics.MAIL_PARSED, [*mails, *reparsed])
    await storer.take(topics.MAIL_MAILBOX, changes)
    reader = Reader()
    streams = [[encode(event, "test", NOW) for event in events] for events in ([*mails, *reparsed], changes)]
    for record in _interleaved(chance, *streams):
        reader.take(record)
    assert storer.rows(PLACES) == reader.rows()
