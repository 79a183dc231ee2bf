"""What a service is: subscriptions, each a topic, a handler and a batch size. Runtimes live in ``runtime/``."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.common.errors import ContractViolated, Unavailable
from services.common.events import Event
from services.common.topics import Topic


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that its handler cannot use; the runtime writes its original record to the dead-letter topic."""

    event: Event
    error: str
    reason: str


Outcome = Event | Rejected
Handler = Callable[[Sequence[Event]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """How many events a handler takes at once, and how many seconds lie between two batches that are not full.

    What comes alone after a pause hardly waits.
    """

    size: int = 100
    within: float = 0.05


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic, read by one handler."""

    topic: Topic
    handler: Handler
    batch: Batch = Batch()


@dataclass(frozen=True, slots=True)
class Service:
    """A named list of subscriptions; its name is the consumer group.

    ``needs``: looks at what no batch can do without, before the first one. They block, and raise Unavailable.
    """

    name: str
    subscriptions: Sequence[Subscription]
    needs: Sequence[Callable[[], None]] = ()


class Publisher(Protocol):
    """Takes events and returns when every one of them is durable downstream.

    Raises:
        Unavailable: the way out is down; nothing may be counted as published.

    """

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish all, in order; return only when each is confirmed."""


def wrong_hash() -> ContractViolated:
    """Why an event whose bytes are not those it names is rejected: its rows would go to another content."""
    return ContractViolated("refused.hash", "the bytes do not have the stated SHA-256")


def no_object() -> ContractViolated:
    """Why an event is rejected whose raw message is not where it says."""
    return ContractViolated("refused.object", "the claim check leads to no raw message of this place, hash and size")


def judged(event: Event, handle: Callable[[], Outcome]) -> Outcome:
    """What a step makes of one event, or its rejection when it finds that the event cannot be used."""
    try:
        return handle()
    except ContractViolated as error:
        return Rejected(event, error.code, error.reason)


async def side_by_side(jobs: Iterable[Coroutine[Any, Any, list[Outcome]]]) -> list[Outcome]:
    """The outcomes of all jobs, in their order. Each runs to its end before the first failure is raised."""
    outcomes: list[Outcome] = []
    for result in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        outcomes += result
    return outcomes


def one_by_one(handle: Callable[[Event], Sequence[Outcome]], batch: Sequence[Event]) -> list[Outcome]:
    """Run a pure function over a batch; an exception rejects that event only, its neighbours go on.

    ``Unavailable`` passes: a dependency that does not answer is nobody's dead letter.
    """
    return [outcome for event in batch for outcome in _guarded(handle, event)]


def _guarded(handle: Callable[[Event], Sequence[Outcome]], event: Event) -> Sequence[Outcome]:
    try:
        return handle(event)
    except Unavailable:
        raise
    except ContractViolated as error:
        return [Rejected(event, error.code, error.reason)]
    except Exception as error:
        return [Rejected(event, f"bug.{type(error).__name__}", "the handler raised on this record")]
