"""One batch of records through one handler: decode, handle, publish, and only then may the caller acknowledge."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from services.common import metrics
from services.common.contract.records import Record, decode
from services.common.dead_letters import DeadLetterCounter, dead_letter, is_replayed, meant_for, shortened
from services.common.errors import ContractViolated, Unavailable
from services.common.events import DeadLetter, Event
from services.common.health import Health
from services.common.retry import delays, until_available
from services.common.service import Publisher, Rejected, Subscription
from services.common.topics import SUFFIX

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """What a batch needs: who works, with which handler, where the results go."""

    service: str
    subscription: Subscription
    publisher: Publisher
    counter: DeadLetterCounter
    health: Health
    now: Callable[[], datetime]
    retry_base: float = 0.5
    retry_cap: float = 30.0
    waiting: set[str] = field(default_factory=set)  # topics whose work waits for a dependency: no stall


async def process(work: Work, records: Sequence[Record]) -> None:
    """Handle the records; on return all outputs and dead letters are durable, so all may be acknowledged.

    Raises:
        DeadLetterLimit: too many records could not be used.
        Exception: whatever else a handler or the publisher raises; the process must end without acknowledging.

    """
    topic = work.subscription.topic.name
    with metrics.BATCH_SECONDS.labels(work.service, topic).time():
        await _whole_or_single(work, [record for record in records if meant_for(record, work.service)])
    metrics.RECORDS.labels(work.service, topic).inc(len(records))


async def _whole_or_single(work: Work, records: Sequence[Record]) -> None:
    outputs, bad = await _handled(work, records)
    try:
        await _publish(work, outputs)
    except ContractViolated as violation:
        # an output cannot be published: find the record that it comes from (handlers absorb the repeat)
        if len(records) > 1:
            for record in records:
                await _whole_or_single(work, [record])
            return
        bad = {0: violation}
    reasons = {index: str(why) for index, why in bad.items()}
    work.counter.count([reasons.get(index, "") for index, record in enumerate(records) if not is_replayed(record)])
    await _publish_letters(work, _letters(work, bad, records))


async def _handled(work: Work, records: Sequence[Record]) -> tuple[list[Event], dict[int, ContractViolated]]:
    """What is to be published, and by index why a record could not be used."""
    events, bad = _decode(records)
    outcomes = await _available(work, partial(work.subscription.handler, list(events.values()))) if events else []
    rejected = {_index(events, outcome): outcome for outcome in outcomes if isinstance(outcome, Rejected)}
    bad |= {index: ContractViolated(outcome.error, outcome.reason) for index, outcome in rejected.items()}
    return [outcome for outcome in outcomes if not isinstance(outcome, Rejected)], bad


def _decode(records: Sequence[Record]) -> tuple[dict[int, Event], dict[int, ContractViolated]]:
    events: dict[int, Event] = {}
    bad: dict[int, ContractViolated] = {}
    for index, record in enumerate(records):
        try:
            events[index] = decode(record)
        except ContractViolated as violation:
            bad[index] = violation
    return events, bad


def _index(events: dict[int, Event], rejected: Rejected) -> int:
    """Which record a rejected event came from: the very object, else an equal one."""
    for index, event in events.items():
        if event is rejected.event:
            return index
    return next(index for index, event in events.items() if event == rejected.event)


def _letters(work: Work, bad: dict[int, ContractViolated], records: Sequence[Record]) -> list[DeadLetter]:
    letters = []
    for index, why in sorted(bad.items()):
        record = records[index]
        context = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        metrics.DEAD_LETTERS.labels(work.service, record.topic).inc()
        log.error("record not usable: %s: %s", why.code, why.reason, extra=context)
        if not record.topic.endswith(SUFFIX):  # a dead letter stays where it is; it has no twin
            letters.append(dead_letter(record, work.service, why.code, why.reason, work.now()))
    return letters


async def _publish_letters(work: Work, letters: Sequence[DeadLetter]) -> None:
    """Whole if the topic takes them; a letter that fits nowhere must not keep its partition waiting for ever."""
    try:
        await _publish(work, letters)
    except ContractViolated:
        await _publish(work, [shortened(letter) for letter in letters])


async def _publish(work: Work, events: Sequence[Event]) -> None:
    if events:
        await _available(work, partial(work.publisher.publish, events))


async def _available(work: Work, action: Callable[[], Awaitable[T]]) -> T:
    """Retry in place while a dependency is down: health red, nothing acknowledged, no crash."""
    topic = work.subscription.topic.name

    def failed(failure: Unavailable, wait: float) -> None:
        work.waiting.add(topic)
        work.health.red(topic, f"{topic}: {failure}")
        metrics.UNAVAILABLE_SECONDS.labels(work.service, topic).inc(wait)
        log.warning("waiting for a dependency: %s", failure, extra={"topic": topic, "seconds": round(wait, 2)})

    result = await until_available(action, failed, delays(work.retry_base, work.retry_cap))
    work.waiting.discard(topic)
    work.health.green(topic)
    return result
