"""Is the group still getting on? Lag without a commit for too long ends the process (docs/delivery.md).

Faust only logs when a consumer hangs, so this looks from outside, over connections of its own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import BrokerResponseError, KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.structs import TopicPartition

from services.common.errors import MailweirError, Unavailable

log = logging.getLogger(__name__)
_GOODBYE = 3.0  # seconds


class Stalled(MailweirError):
    """Records wait and nothing was committed for too long: the process ends, so that a fresh one takes over."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Committed, end and start offsets of a group's partitions, at one moment; whether brokers know of the group."""

    committed: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    starts: Mapping[TopicPartition, int] = field(default_factory=dict)
    known: bool = True


@dataclass(slots=True)
class StallDetector:
    """Remembers since when each partition has had records waiting without a commit. Times in seconds (pure).

    ``gap``: after a longer time without a look (the broker was away, or this process stood still) all begins anew,
    because nobody could commit meanwhile.
    """

    timeout: float
    gap: float = float("inf")
    _looked: float = float("inf")
    _seen: dict[TopicPartition, tuple[int, float]] = field(default_factory=dict)

    def look(self, now: float, lag: Lag, watched: Collection[TopicPartition], excused: bool) -> None:
        """Compare with the looks before. ``excused``: a dependency is down, so no commit is expected.

        Raises:
            Stalled: a watched partition has lag and no commit for longer than the time-out.

        """
        if now - self._looked > self.gap:
            self._seen.clear()
        self._looked = now
        for partition in lag.ends:
            committed = lag.committed.get(partition, 0)
            before, since = self._seen.get(partition, (-1, now))
            resting = excused or partition not in watched or committed >= lag.ends[partition]
            if resting or committed != before:
                since = now
            self._seen[partition] = (committed, since)
            if now - since > self.timeout:
                raise Stalled(
                    f"{partition.topic}[{partition.partition}]: {lag.ends[partition] - committed} records wait and "
                    f"nothing was committed for {now - since:.0f} s; the process ends, a fresh one takes over"
                )


class LagProbe:
    """Reads lag over its own connections, which belong to no group."""

    def __init__(self, bootstrap: str, group: str, topics: Collection[str], timeout: float) -> None:
        self._bootstrap = bootstrap.split(",")
        self._group = group
        self._topics = topics
        self._timeout = timeout
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    async def lag(self) -> Lag:
        """Committed and end offsets now. Raises Unavailable when the broker does not answer or a topic is missing."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._read()
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            refused = isinstance(error, BrokerResponseError) and not error.retriable
            what = "refuses" if refused else "does not answer"
            raise Unavailable(f"Kafka {what} ({type(error).__name__})") from error

    async def _read(self) -> Lag:
        consumer, admin = await self._connected()
        described = await admin.describe_topics(list(self._topics))
        check(described)
        partitions = [
            TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]
        ]
        found = await admin.list_consumer_group_offsets(self._group)
        starts = await consumer.beginning_offsets(partitions)
        committed = {at: max(start, found[at].offset) if at in found else start for at, start in starts.items()}
        return Lag(committed, await consumer.end_offsets(partitions), starts, bool(found))

    async def _connected(self) -> tuple[AIOKafkaConsumer, AIOKafkaAdminClient]:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, request_timeout_ms=10_000)
            await self._consumer.start()
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=10_000)
            await self._admin.start()
        return self._consumer, self._admin

    async def close(self) -> None:
        """Close the connections; the next look opens new ones."""
        consumer, self._consumer = self._consumer, None
        admin, self._admin = self._admin, None
        ends = [*([consumer.stop] if consumer else []), *([admin.close] if admin else [])]
        await asyncio.gather(*(_quietly(end) for end in ends))


def check(described: Collection[Mapping[str, Any]]) -> None:
    """Raise Unavailable when a topic is not there, or the broker does not tell of it."""
    missing = sorted(topic["topic"] for topic in described if topic["error_code"] == UnknownTopicOrPartitionError.errno)
    if missing:
        raise Unavailable(f"topics are missing: {', '.join(missing)}; run `mailweir topics`")
    for topic in described:
        if topic["error_code"]:
            raise for_code(topic["error_code"])(topic["topic"])


async def _quietly(end: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(_GOODBYE):
            await end()
    except (KafkaError, OSError, TimeoutError) as error:
        log.debug("closing a probe connection failed: %s", type(error).__name__)
