"""Batches: what is refused is found, what is an outage passes, and parts go on side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.common.database import Refused, TookTooLong
from services.common.errors import Malformed, Unavailable
from services.common.service import Rejected
from services.storer.handlers import Parts, storing
from tests.fakes.mail_events import fetched


def parts_of(size: int) -> Parts:
    return lambda events: [events[start : start + size] for start in range(0, len(events), size)]


EVENTS = [fetched(b"%d" % uid, uid) for uid in range(1, 31)]


class FakeWriter:
    """Runs write functions without a database; refuses batches that hold a bad UID."""

    def __init__(self, bad: set[int], failure: Exception | None = None) -> None:
        self.bad, self.failure = bad, failure
        self.written: list[int] = []
        self.batches: list[int] = []

    async def write(self, write: Callable[[Any], None]) -> None:
        if self.failure:
            raise self.failure
        before = len(self.written)
        try:
            write(self)
        except Refused:
            del self.written[before:]
            raise
        self.batches.append(len(self.written) - before)


def write(cursor: FakeWriter, events: Sequence[Any]) -> None:
    for event in events:
        if event.place.uid in cursor.bad:
            raise Refused("the database refuses the data (SQLSTATE 22001)")
        cursor.written.append(event.place.uid)


@pytest.mark.parametrize("bad", [set(), {1}, {30}, {3, 4, 17}, set(range(1, 31))])
@pytest.mark.parametrize("parts", [None, parts_of(7)])
async def test_exactly_the_bad_ones_are_rejected(bad: set[int], parts: Parts | None) -> None:
    writer = FakeWriter(bad)
    outcomes = await storing(write, writer, parts)(EVENTS)
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert {each.event.place.uid for each in rejected} == bad  # type: ignore[union-attr]
    assert sorted(writer.written) == [uid for uid in range(1, 31) if uid not in bad]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Refused("the database refuses the data"), "the database refuses the data"),
        (ValueError("Dear Ada"), "it holds a value that a row cannot (ValueError)"),
        (Malformed("uids is no sequence-set"), "uids is no sequence-set"),
        (
            UnicodeEncodeError("utf-8", "Dear Ada", 0, 1, "surrogates not allowed"),
            "it holds a value that a row cannot (UnicodeEncodeError)",
        ),
        (TypeError("Dear Ada"), "it holds a value that a row cannot (TypeError)"),
    ],
)
async def test_why_an_event_is_refused_is_told_without_its_content(failure: Exception, told: str) -> None:
    (outcome,) = await storing(write, FakeWriter(set(), failure))(EVENTS[:1])
    assert isinstance(outcome, Rejected)
    assert (outcome.error, outcome.reason) == ("refused.data", told)


async def test_an_outage_is_nobodys_dead_letter() -> None:
    with pytest.raises(Unavailable):
        await storing(write, FakeWriter(set(), Unavailable("down")), parts_of(7))(EVENTS)


@pytest.mark.parametrize("most", [1, 4, 29])
async def test_what_takes_too_long_at_once_is_written_in_smaller_parts_in_order(most: int) -> None:
    def slow(cursor: FakeWriter, events: Sequence[Any]) -> None:
        if len(events) > most:
            raise TookTooLong("a statement")
        write(cursor, events)

    writer = FakeWriter(set())
    assert await storing(slow, writer)(EVENTS) == []
    assert writer.written == list(range(1, 31))
    assert max(writer.batches) <= most


async def test_one_event_that_takes_too_long_is_nobodys_dead_letter() -> None:
    with pytest.raises(TookTooLong):
        await storing(write, FakeWriter(set(), TookTooLong("a statement")))(EVENTS)


async def test_a_batch_is_one_transaction_unless_parts_are_asked_for() -> None:
    whole, parts = FakeWriter(set()), FakeWriter(set())
    assert await storing(write, whole)(EVENTS) == []
    assert await storing(write, parts, parts_of(10))(EVENTS) == []
    assert (whole.batches, parts.batches) == ([30], [10, 10, 10])
    assert await storing(write, whole)([]) == []
