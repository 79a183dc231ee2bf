"""Against a simple model: places end as the last events about them say, however topics interleave and repeat."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from services.common import topics
from services.common.events import (
    Event,
    FlagsChanged,
    FlagSet,
    FolderGone,
    FolderRenamed,
    MessagesReturned,
    MessagesVanished,
)
from services.common.topics import Topic
from tests.fakes.mail_events import message, parsed
from tests.integration.storer.conftest import Storer
from tests.integration.storer.test_mailbox import about, report

UIDS = range(1, 13)
PLACES = "SELECT uid, flags, labels, visible, folder FROM email_places ORDER BY uid"
STATUS = "SELECT folder, state FROM email_sync_status"


@dataclass
class Model:
    """What the rows of one folder have to be in the end."""

    name: str = "INBOX"
    state: str = "active"
    places: dict[int, dict[str, Any]] = field(
        default_factory=lambda: {uid: {"flags": [], "labels": None, "visible": True} for uid in UIDS}
    )

    def rows(self) -> list[tuple[Any, ...]]:
        return [(uid, *each.values(), self.name) for uid, each in self.places.items()]

    def event(self, chance: random.Random, sequence: int) -> Event:
        """The next event of the folder; the model follows it."""
        made = chance.choice((self._flags, self._flags, self._vanished, self._returned, self._named, self._told))
        return made(chance, about(sequence, folder=self.name, wire=self.name))

    def _flags(self, chance: random.Random, fields: dict[str, Any]) -> Event:
        uids, names = _some(chance), tuple(chance.sample(("\\Seen", "\\Answered", "x"), chance.randrange(3)))
        labels = chance.choice((None, ("work",), ()))
        for uid in uids:
            self.places[uid]["flags"] = list(names)
            if labels is not None:
                self.places[uid]["labels"] = list(labels)
        return FlagsChanged(**fields, changes=(FlagSet(uids=_text(uids), flags=names, labels=labels),))

    def _vanished(self, chance: random.Random, fields: dict[str, Any]) -> Event:
        return MessagesVanished(**fields, uids=self._seen(_some(chance), visible=False))

    def _returned(self, chance: random.Random, fields: dict[str, Any]) -> Event:
        return MessagesReturned(**fields, uids=self._seen(_some(chance), visible=True))

    def _seen(self, uids: Sequence[int], *, visible: bool) -> str:
        for uid in uids:
            self.places[uid]["visible"] = visible
        return _text(uids)

    def _named(self, chance: random.Random, fields: dict[str, Any]) -> Event:
        before, self.name, self.state = self.name, f"n{chance.randrange(100)}", "active"
        return FolderRenamed(**(fields | {"folder": self.name, "wire": self.name}), oldfolder=before, oldwire=before)

    def _told(self, chance: random.Random, fields: dict[str, Any]) -> Event:
        if chance.random() < 0.3:
            self.state = "gone"
            return FolderGone(**fields)
        self.state = "active"
        return replace(report(fields["sequence"]), folder=self.name, wire=self.name)


def _some(chance: random.Random) -> list[int]:
    return sorted(chance.sample(UIDS, chance.randrange(1, len(UIDS))))


def _text(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))


async def _read(storer: Storer, topic: Topic, events: Sequence[Event], seed: int) -> None:
    """As a consumer reads a partition: in order, in batches of any size, going back after a crash now and then."""
    chance, at = random.Random(seed), 0
    while at < len(events):
        size = chance.randrange(1, 6)
        assert await storer.take(topic, events[at : at + size]) == []
        at = max(0, at + size - (chance.randrange(1, 12) if chance.random() < 0.3 and at + size < len(events) else 0))


@pytest.mark.parametrize("seed", range(12))
async def test_rows_end_as_the_events_say(storer: Storer, seed: int) -> None:
    chance, model = random.Random(seed), Model()
    first = report(1)
    changes = [first, *(model.event(chance, sequence) for sequence in range(2, 30))]
    mails = [(await parsed(message(f"n{uid}").as_bytes(), uid))[0] for uid in UIDS]
    chance.shuffle(mails)
    await asyncio.gather(
        _read(storer, topics.MAIL_MAILBOX, changes, seed), _read(storer, topics.MAIL_PARSED, mails, -seed)
    )
    assert storer.rows(PLACES) == model.rows()
    assert storer.rows(STATUS) == [(model.name, model.state)]
    assert storer.value("SELECT count(*) FROM place_states") == 0
