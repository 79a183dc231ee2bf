"""The embedded runtime: all subscriptions in one process; to publish is to call the subscribers.

It needs no log of its own: the poller counts a message as published only when ``publish`` returns, so a crash in the
middle simply repeats it, and every sink absorbs repeats by identity (ADR 0002).
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from services.common.contract.records import encode, event_id, topic_of
from services.common.dead_letters import dead_letter
from services.common.events import DeadLetter, Event
from services.common.service import Outcome, Rejected, Service, Subscription


class Embedded:
    """A ``Publisher`` that hands events to subscribers until nothing new comes out."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._readers: dict[str, list[tuple[str, Subscription]]] = defaultdict(list)
        for service in services:
            for subscription in service.subscriptions:
                self._readers[subscription.topic.name].append((service.name, subscription))

    async def publish(self, events: Sequence[Event]) -> None:
        """Run the events and all that follows from them through the subscribers; return when all have confirmed.

        What one subscriber gives out goes on at once: rows are written while objects are still being filed.
        Raises whatever an adapter raises (``Unavailable`` and bugs): then nothing of this call counts as published.
        """
        by_topic: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_topic[topic_of(event)].append(event)
        await _all(
            [
                self._pass_on(name, subscription, by_topic[topic])
                for topic in by_topic
                for name, subscription in self._readers[topic]
            ]
        )

    async def _pass_on(self, service: str, subscription: Subscription, events: Sequence[Event]) -> None:
        await self.publish(await _run(service, subscription, events))


async def _all(calls: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All calls side by side; the first failure is raised only when every call has ended, so nothing runs on behind."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def _run(service: str, subscription: Subscription, events: Sequence[Event]) -> list[Event]:
    size = subscription.batch.size
    published: list[Event] = []
    for start in range(0, len(events), size):
        outcomes = await subscription.handler(events[start : start + size])
        published += [_settle(service, outcome) for outcome in outcomes]
    return published


def _settle(service: str, outcome: Outcome) -> Event:
    return _dead_letter(service, outcome) if isinstance(outcome, Rejected) else outcome


def _dead_letter(service: str, rejected: Rejected) -> DeadLetter:
    """As on Kafka; the offset follows from the event, so that a repeat is the same dead letter."""
    now = datetime.now(UTC)
    offset = int(event_id(rejected.event)[:15], 16)
    record = replace(encode(rejected.event, service, now), offset=offset)
    return dead_letter(record, service, rejected.error, rejected.reason, now)
