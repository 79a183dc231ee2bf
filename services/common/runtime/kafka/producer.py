"""Publishing to Kafka: idempotent, all replicas, every delivery awaited, bounded memory."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    UnknownProducerId,
)

from services.common import metrics
from services.common.contract.records import Record, encode, topic_of
from services.common.errors import ContractViolated, Unavailable
from services.common.events import Event
from services.common.runtime.kafka.given_up import Pace, timely
from services.common.runtime.kafka.packing import Packed, packed
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.topics import SUFFIX

log = logging.getLogger(__name__)

MAX_RECORD = 1_048_588  # octets that the topics take (schemas/asyncapi.yaml, Kafka's own default)
MAX_LETTER = 64 * 1024 * 1024  # a dead letter was somebody's compressed record once: only the broker can judge it
# After an outage an idempotent producer can stay out of sequence (aiokafka issue 1017): only a new one starts clean.
_OUT_OF_SEQUENCE = (OutOfOrderSequenceNumber, UnknownProducerId, ProducerClosed, TimeoutError)
_TRANSIENT = (*_OUT_OF_SEQUENCE, KafkaConnectionError, KafkaTimeoutError, OSError)
_GOODBYE = 3.0  # seconds
_REQUESTS = 1.5  # time-outs after which a delivery is given up: before the lease of a poller that stands still ends
_PATIENCE = 5  # failed deliveries in a row after which a producer is replaced, whatever it says


class KafkaPublisher:
    """A ``Publisher`` over one idempotent producer, which is replaced when it cannot recover by itself.

    ``service`` is who says the events. Any number of ``publish`` calls may run side by side.
    """

    def __init__(self, settings: KafkaSettings, service: str) -> None:
        self._settings = settings
        self._service = service
        self._producer: AIOKafkaProducer | None = None
        self._failed = 0
        self._starting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._budget = ByteBudget(settings.in_flight_bytes)
        self._within = _REQUESTS * settings.request_timeout

    async def start(self) -> None:
        """Connect now. Raises Unavailable; without this the first ``publish`` connects."""
        await self._ready()

    async def stop(self) -> None:
        """Close; deliveries under way are awaited for some seconds: nobody counts on them, they are made again."""
        if self._producer is not None:
            self._drop(self._producer)
        if self._closing:
            await asyncio.wait(self._closing, timeout=_GOODBYE)

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish all, in order; return when Kafka has confirmed every one.

        Raises:
            Unavailable: Kafka does not answer, or a delivery was not confirmed in time; nothing counts as published.
            ContractViolated: an event is larger than a record may be.
            KafkaError: anything else is fatal for the process (fenced, not authorised, wrong version).

        """
        if not events:
            return
        producer, now = await self._ready(), datetime.now(UTC)
        pace = Pace(self._within)
        deliveries: list[asyncio.Future[Any]] = []
        records: Counter[str] = Counter()
        octets: Counter[str] = Counter()
        try:
            partitions = await self._partitions(producer, events)
            for batch in packed(producer.create_batch, partitions, (self._record(event, now) for event in events)):
                deliveries.append(await self._send(producer, batch, pace))
                records[batch.topic] += batch.builder.record_count()
                octets[batch.topic] += batch.octets
        finally:
            failures = await self._settle(deliveries)
            self._judge(producer, failures)
        for failure in failures:
            raise translated(failure)
        for topic, count in records.items():
            metrics.PUBLISHED.labels(self._service, topic).inc(count)
            metrics.PUBLISHED_OCTETS.labels(self._service, topic).inc(octets[topic])
        self._failed = 0

    async def _partitions(self, producer: AIOKafkaProducer, events: Sequence[Event]) -> dict[str, list[int]]:
        """By topic, without its prefix."""
        prefix = self._settings.topic_prefix
        with self._judged(producer):
            return {
                topic: sorted(await producer.partitions_for(prefix + topic)) for topic in set(map(topic_of, events))
            }

    def _record(self, event: Event, now: datetime) -> Record:
        record = encode(event, self._service, now)
        check_size(record)
        return record

    async def _send(self, producer: AIOKafkaProducer, batch: Packed, pace: Pace) -> "asyncio.Future[Any]":
        size = batch.builder.size()
        await self._budget.take(size)
        try:
            with self._judged(producer):
                pace.step()
                batch.builder.close()
                topic = self._settings.topic_prefix + batch.topic
                sent: asyncio.Future[Any] = await producer.send_batch(batch.builder, topic, partition=batch.partition)
        except BaseException:
            self._budget.give(size)
            raise
        sent.add_done_callback(partial(self._ended, size))
        return sent

    @contextmanager
    def _judged(self, producer: AIOKafkaProducer) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._judge(producer, [error])
            raise translated(error) from error

    def _ended(self, size: int, delivery: "asyncio.Future[Any]") -> None:
        """Free its memory; what failed after it was given up is told to nobody."""
        self._budget.give(size)
        if not delivery.cancelled():
            delivery.exception()

    async def _settle(self, deliveries: "Sequence[asyncio.Future[Any]]") -> list[BaseException]:
        """Wait for every delivery, at most twice the request time-out; what failed."""
        if not deliveries:
            return []
        _, late = await asyncio.wait(deliveries, timeout=2 * self._settings.request_timeout)
        failed = [error for delivery in deliveries if delivery.done() and (error := delivery.exception()) is not None]
        return [*failed, TimeoutError()] if late else failed

    async def _ready(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = self._new()
                try:
                    await producer.start()
                except asyncio.CancelledError:
                    self._drop(producer)
                    raise
                except Exception as error:
                    with suppress(Exception):
                        await producer.stop()
                    raise translated(error) from error
                self._producer = producer
            return self._producer

    def _new(self) -> AIOKafkaProducer:
        settings = self._settings
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap.split(","),
            client_id=f"mailweir-{self._service}",
            enable_idempotence=True,
            acks="all",
            compression_type=settings.codec,
            max_batch_size=settings.batch_bytes,
            request_timeout_ms=int(settings.request_timeout * 1000),
        )
        return timely(producer, self._within)

    def _judge(self, producer: AIOKafkaProducer, failures: Sequence[BaseException]) -> None:
        """Drop a producer that cannot recover by itself; a new one starts with the next publish."""
        self._failed += bool(failures)
        broken = any(isinstance(failure, _OUT_OF_SEQUENCE) for failure in failures)
        if (broken or self._failed >= _PATIENCE) and self._producer is producer:
            self._failed = 0
            self._drop(producer)

    def _drop(self, producer: AIOKafkaProducer) -> None:
        """Close behind: a close that is cut off would leave connections open, and its deliveries were reported."""
        self._producer = None
        task = asyncio.create_task(_close(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(producer: AIOKafkaProducer) -> None:
    try:
        await producer.stop()
    except Exception as error:
        log.warning("closing a producer failed: %s", type(error).__name__)


class ByteBudget:
    """At most ``limit`` octets at once; a single larger piece passes alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._freed = asyncio.Event()

    async def take(self, size: int) -> None:
        """Wait until there is room."""
        while self._used and self._used + size > self._limit:
            self._freed.clear()
            await self._freed.wait()
        self._used += size

    def give(self, size: int) -> None:
        """Free what was taken."""
        self._used -= size
        self._freed.set()


def check_size(record: Record) -> None:
    """Raise ContractViolated when a record is larger than its topic takes; most dead letters the broker judges."""
    size = len(record.value or b"") + len(record.key)
    most = MAX_RECORD
    if record.topic.endswith(SUFFIX):
        size += sum(len(name) + len(value) for name, value in record.headers)
        most = MAX_LETTER
    if size > most:
        raise translated(MessageSizeTooLargeError())


def translated(error: BaseException) -> BaseException:
    """A failure in our terms; what is neither transient nor ours stays as it is and ends the process."""
    if isinstance(error, MessageSizeTooLargeError):
        return ContractViolated("record.too-large", "an event does not fit a Kafka record")
    if isinstance(error, InvalidTimestampError):
        return Unavailable("Kafka refuses the time of this machine: its clock and the brokers' differ; set both right")
    if isinstance(error, _TRANSIENT) or (isinstance(error, KafkaError) and getattr(error, "retriable", False)):
        name = type(error).__name__
        return Unavailable(f"Kafka did not confirm ({name}): are the brokers up and the topics created?")
    return error
