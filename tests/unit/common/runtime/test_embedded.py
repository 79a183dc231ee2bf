"""The embedded runtime: events and what follows, repeats, rejections, failures."""

import asyncio
from collections.abc import Sequence

import pytest

from services.common import topics
from services.common.errors import Unavailable
from services.common.events import DataRef, DeadLetter, Event, MessageFetched, ObjectFiled
from services.common.place import Place
from services.common.runtime.embedded import Embedded
from services.common.service import Batch, Outcome, Rejected, Service, Subscription, one_by_one


def fetched(uid: int) -> MessageFetched:
    place = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=uid)
    return MessageFetched(place=place, contentsha256=f"{uid:064x}", internaldate=None, size=1, body=b"x")


def filed(event: MessageFetched) -> ObjectFiled:
    return ObjectFiled(
        place=event.place,
        contentsha256=event.contentsha256,
        internaldate=None,
        size=1,
        kind="message",
        sha256=event.contentsha256,
        bucket="b",
        key="k",
        objectsize=1,
        contenttype="message/rfc822",
    )


class Sink:
    """Remembers the batches it was given."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []

    async def __call__(self, batch: Sequence[Event]) -> Sequence[Outcome]:
        self.batches.append(list(batch))
        return []


async def file_all(batch: Sequence[Event]) -> Sequence[Outcome]:
    return [filed(event) for event in batch if isinstance(event, MessageFetched)]


async def test_events_run_on_until_nothing_follows_and_batches_are_bounded() -> None:
    sink = Sink()
    services = [
        Service("attachments", [Subscription(topics.MAIL_FETCHED, file_all, Batch(2))]),
        Service("storer", [Subscription(topics.MAIL_FILED, sink, Batch(3))]),
    ]
    await Embedded(services).publish([fetched(uid) for uid in range(1, 6)])
    assert [len(batch) for batch in sink.batches] == [3, 2]
    assert [event.place.uid for batch in sink.batches for event in batch] == [1, 2, 3, 4, 5]


async def test_a_rejected_event_becomes_a_dead_letter_with_the_original_bytes() -> None:
    async def refuse(batch: Sequence[Event]) -> Sequence[Outcome]:
        return [Rejected(event, "bug.ValueError", "why") for event in batch]

    sink = Sink()
    services = [
        Service("parser", [Subscription(topics.MAIL_FETCHED, refuse)]),
        Service("storer", [Subscription(topics.twin(topics.MAIL_FETCHED), sink)]),
    ]
    await Embedded(services).publish([fetched(1)])
    await Embedded(services).publish([fetched(1)])
    first, again = (batch[0] for batch in sink.batches)
    assert isinstance(first, DeadLetter)
    assert isinstance(again, DeadLetter)
    assert (first.value, first.service, first.error) == (b"x", "parser", "bug.ValueError")
    assert (first.topic, first.partition, first.offset) == (again.topic, again.partition, again.offset)


async def test_an_adapter_that_fails_fails_the_publish_after_all_have_ended() -> None:
    sink = Sink()

    async def down(batch: Sequence[Event]) -> Sequence[Outcome]:
        raise Unavailable("the store does not answer")

    services = [
        Service("parser", [Subscription(topics.MAIL_FETCHED, down)]),
        Service("attachments", [Subscription(topics.MAIL_FETCHED, sink)]),
    ]
    with pytest.raises(Unavailable):
        await Embedded(services).publish([fetched(1)])
    assert len(sink.batches) == 1


def test_a_pure_failure_rejects_one_event_and_an_absent_store_none() -> None:
    def odd(event: Event) -> Sequence[Event]:
        assert isinstance(event, MessageFetched)
        if event.place.uid == 2:
            raise ValueError("secret content")
        return [event]

    outcomes = one_by_one(odd, [fetched(1), fetched(2), fetched(3)])
    assert [type(outcome) for outcome in outcomes] == [MessageFetched, Rejected, MessageFetched]
    assert "secret" not in repr(outcomes[1].reason if isinstance(outcomes[1], Rejected) else "")

    def down(event: Event) -> Sequence[Event]:
        raise Unavailable("no")

    with pytest.raises(Unavailable):
        one_by_one(down, [fetched(1)])


def test_a_claim_check_names_bucket_and_key() -> None:
    from services.common.objects import key_of, uri_of

    for key in ("a/b c/合.eml", "a/...", "a/. b", "a/ ", "é" * 127 + "x", "a/..b/\\x"):
        assert key_of(uri_of("mailweir", key)) == key
    too_long = "a/" + "é" * 128 + "/b"
    ways_out = [
        f"s3://b/{key}" for key in ("../k", "a/./k", "a/ ..", " . /k", "a\\..\\k", "a//k", "k/", "\x00", too_long)
    ]
    for wrong in ("", "s3://", "s3://b", "s3:///k", "http://b/k", *ways_out):
        with pytest.raises(ValueError, match="s3://bucket/key"):
            key_of(wrong)
    assert DataRef("s3://b/k").first is None


async def test_what_one_reader_gives_out_does_not_wait_for_its_neighbour() -> None:
    stored = asyncio.Event()

    async def slow(batch: Sequence[Event]) -> Sequence[Outcome]:
        async with asyncio.timeout(60):
            await stored.wait()
        return []

    async def store(batch: Sequence[Event]) -> Sequence[Outcome]:
        stored.set()
        return []

    services = [
        Service("attachments", [Subscription(topics.MAIL_FETCHED, file_all)]),
        Service("parser", [Subscription(topics.MAIL_FETCHED, slow)]),
        Service("storer", [Subscription(topics.MAIL_FILED, store)]),
    ]
    await Embedded(services).publish([fetched(1)])
