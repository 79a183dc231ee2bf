"""One batch: what is published, what becomes a dead letter, what stops the process. No broker."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.common import topics
from services.common.contract.records import Record, decode, encode
from services.common.dead_letters import CUT, KEPT, DeadLetterCounter, Limits, meant_for, replayed
from services.common.errors import ContractViolated, DeadLetterLimit, Unavailable
from services.common.events import DeadLetter, Event, MessageFetched
from services.common.health import Health
from services.common.place import Place
from services.common.runtime.batches import Work, process
from services.common.service import Handler, Outcome, Rejected, Subscription
from services.common.topics import Topic

AT = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)


def fetched(uid: int, body: bytes = b"x") -> MessageFetched:
    place = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=uid)
    return MessageFetched(place=place, contentsha256=f"{uid:064x}", internaldate=None, size=1, body=body)


def records(*uids: int) -> list[Record]:
    return [encode(fetched(uid), "poller", AT) for uid in uids]


def octets(letter: DeadLetter) -> int:
    headers = sum(len(name) + len(value) for name, value in letter.headers)
    return len(letter.key) + len(letter.value or b"") + headers


class Sink:
    """A publisher that remembers; it may be down for some calls, or refuse a UID as too large."""

    def __init__(self, down: int = 0, too_large: int | None = None, letter_octets: int = 10_000_000) -> None:
        self.letter_octets = letter_octets
        self.events: list[Event] = []
        self.down = down
        self.too_large = too_large

    async def publish(self, events: Sequence[Event]) -> None:
        if self.down:
            self.down -= 1
            raise Unavailable("Kafka does not answer")
        if any(isinstance(event, MessageFetched) and event.place.uid == self.too_large for event in events):
            raise ContractViolated("record.too-large", "does not fit")
        if any(isinstance(event, DeadLetter) and octets(event) > self.letter_octets for event in events):
            raise ContractViolated("record.too-large", "does not fit")
        self.events += events

    def uids(self) -> list[int]:
        return [event.place.uid for event in self.events if isinstance(event, MessageFetched)]

    def letters(self) -> list[DeadLetter]:
        return [event for event in self.events if isinstance(event, DeadLetter)]


async def echo(batch: Sequence[Event]) -> Sequence[Outcome]:
    return batch


def work(handler: Handler, sink: Sink, limits: Limits | None = None, topic: Topic = topics.MAIL_FETCHED) -> Work:
    return Work(
        "parser",
        Subscription(topic, handler),
        sink,
        DeadLetterCounter(limits or Limits(), "parser"),
        Health("parser"),
        lambda: AT,
        retry_base=0.0001,
        retry_cap=0.0001,
    )


async def test_outputs_are_published_in_order() -> None:
    sink = Sink()
    await process(work(echo, sink), records(3, 1, 2))
    assert sink.uids() == [3, 1, 2]


async def test_a_record_that_breaks_the_contract_and_a_rejected_event_become_dead_letters() -> None:
    async def refuse_two(batch: Sequence[Event]) -> Sequence[Outcome]:
        return [Rejected(event, "refused.x", "why") if event == fetched(2) else event for event in batch]

    sink = Sink()
    odd = Record("mail.fetched", b"k", b"\xff", (("x", b"y"),), 4, 9)
    await process(work(refuse_two, sink), [*records(1, 2), odd, *records(3)])
    assert sink.uids() == [1, 3]
    refused, broken = sink.letters()
    assert (refused.error, refused.value) == ("refused.x", b"x")
    assert (broken.error, broken.value, broken.headers, broken.offset) == ("contract.type", b"\xff", odd.headers, 9)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("same", [True, False])
async def test_the_letter_holds_the_very_record_that_was_refused(number: int, same: bool) -> None:
    """Of equal ones (``same``) the one that was handed over; of others the one that equals what came back."""

    async def refuse(batch: Sequence[Event]) -> Sequence[Outcome]:
        event = batch[number] if same else fetched(number + 1)
        return [Rejected(event, "refused.x", "why")]

    sink = Sink()
    given = [encode(fetched(1 if same else uid), "poller", AT) for uid in (1, 2, 3)]
    given = [Record(each.topic, each.key, each.value, each.headers, 0, offset) for offset, each in enumerate(given)]
    await process(work(refuse, sink), given)
    (letter,) = sink.letters()
    assert (letter.offset, letter.headers) == (number, given[number].headers)


async def test_a_record_that_is_sent_again_is_read_by_whom_it_is_meant_for_and_counts_for_no_limit() -> None:
    bad = [Record("mail.fetched", b"k", b"\xff", (("x", b"y"),)) for _ in range(9)]
    again, still = ([replayed(record, "parser") for record in each] for each in (records(1, 2), bad))
    others = [replayed(record, "attachments") for record in [*records(3), *bad]]
    sink = Sink()
    await process(work(echo, sink, Limits(run=3, ratio=0.1, window=5)), [*again, *still, *others])
    assert sink.uids() == [1, 2]
    assert len(sink.letters()) == len(still)
    letters = [encode(letter, "parser", AT) for letter in sink.letters()]
    assert all(meant_for(letter, "storer") for letter in letters)
    (kept,) = {decode(letter) for letter in letters}
    assert isinstance(kept, DeadLetter)
    assert kept.headers == (("x", b"y"),)


async def test_a_record_that_is_marked_for_no_reader_of_its_topic_is_read_as_any_other() -> None:
    """A letter of a service that reads the topic no more, or of a stranger, names such a one."""
    sink = Sink()
    marked = [replayed(each, name) for name in ("storer", "nobody", "") for each in records(1)]
    bad = replayed(Record("mail.fetched", b"k", b"\xff", ()), "nobody")
    await process(work(echo, sink), [*marked, bad])
    assert (sink.uids(), len(sink.letters())) == ([1, 1, 1], 1)
    with pytest.raises(DeadLetterLimit):
        await process(work(echo, sink, Limits(run=3)), [bad] * 4)


async def test_only_unusable_records_never_reach_the_handler() -> None:
    async def never(batch: Sequence[Event]) -> Sequence[Outcome]:
        raise AssertionError(batch)

    sink = Sink()
    await process(work(never, sink), [Record("mail.fetched", b"k", None, ())])
    assert [letter.error for letter in sink.letters()] == ["contract.type"]


async def test_a_dependency_that_is_down_is_waited_for_and_health_tells() -> None:
    failures = 3

    async def sometimes(batch: Sequence[Event]) -> Sequence[Outcome]:
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable("the database does not answer")
        assert running.health.state == "red"
        assert running.waiting == {"mail.fetched"}
        return batch

    sink = Sink(down=2)
    running = work(sometimes, sink)
    await process(running, records(1))
    assert sink.uids() == [1]
    assert running.health.state == "green"
    assert running.waiting == set()


async def test_an_output_that_fits_no_record_costs_only_its_own_input() -> None:
    sink = Sink(too_large=2)
    await process(work(echo, sink), records(1, 2, 3))
    assert sink.uids() == [1, 3]
    assert [letter.error for letter in sink.letters()] == ["record.too-large"]


async def test_a_letter_that_is_too_large_itself_is_cut_and_its_partition_goes_on() -> None:
    sink = Sink(letter_octets=KEPT + 1)
    noise = Record("mail.fetched", b"k", b"x" * (KEPT + 1), ())
    await process(work(echo, sink), [*records(1), noise, *records(3)])
    assert sink.uids() == [1, 3]
    assert [(letter.error, len(letter.value or b"")) for letter in sink.letters()] == [(CUT, KEPT)]


async def test_too_many_dead_letters_publish_none_of_their_batch() -> None:
    sink = Sink()
    broken = [Record("mail.fetched", b"k", b"", ())] * 4
    with pytest.raises(DeadLetterLimit):
        await process(work(echo, sink, Limits(run=3)), [*records(1), *broken])
    assert sink.letters() == []


class Small(Sink):
    """None of the outputs fits."""

    async def publish(self, events: Sequence[Event]) -> None:
        if any(isinstance(event, MessageFetched) for event in events):
            raise ContractViolated("record.too-large", "does not fit")
        await super().publish(events)


@pytest.mark.parametrize("size", [1, 10])
@pytest.mark.parametrize(
    ("limits", "told", "letters"),
    [
        (Limits(run=100, ratio=0.2, window=100), "of the last 100 records", 99),
        (Limits(run=30, ratio=0.2, window=1000), "31 records in a row", 30),
    ],
)
async def test_a_flood_of_outputs_that_fit_no_record_stops_the_service_too(
    size: int, limits: Limits, told: str, letters: int
) -> None:
    sink = Small()
    worked = work(echo, sink, limits)

    async def go_on() -> None:
        for first in range(1, 1000, size):
            await process(worked, records(*range(first, first + size)))

    with pytest.raises(DeadLetterLimit, match=told):
        await go_on()
    assert len(sink.letters()) == letters


async def test_any_other_exception_passes_and_nothing_is_published() -> None:
    async def bug(batch: Sequence[Event]) -> Sequence[Outcome]:
        raise KeyError("x")

    sink = Sink()
    with pytest.raises(KeyError):
        await process(work(bug, sink), records(1))
    assert sink.events == []


async def test_a_dead_letter_that_cannot_be_used_has_no_dead_letter_of_its_own() -> None:
    sink = Sink()
    twin = topics.twin(topics.MAIL_FETCHED)
    await process(work(echo, sink, topic=twin), [Record(twin.name, b"k", b"v", ())])
    assert sink.events == []


async def test_a_letter_whose_key_and_headers_are_too_large_is_cut_and_its_partition_goes_on() -> None:
    sink = Sink(letter_octets=3 * KEPT)
    headers = (("ce_type", b"x" * KEPT), ("y" * 9, b"y"))
    noise = Record("mail.fetched", b"k" * 4 * KEPT, b"x", headers)
    await process(work(echo, sink), [*records(1), noise, *records(2)])
    assert sink.uids() == [1, 2]
    (letter,) = sink.letters()
    assert (letter.error, letter.key, letter.value, letter.headers) == (CUT, b"k" * KEPT, b"x", ())
    assert "nor the whole of the key and the headers" in letter.reason
