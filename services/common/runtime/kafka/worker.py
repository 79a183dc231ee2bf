"""The Kafka runtime: a service as Faust agents that cannot lose a record.

Faust does groups, assignment and life cycle; decoding, acknowledgement, publishing and the commit rule are ours. The
order is always: decode, handle, publish, await every delivery, acknowledge. docs/delivery.md tells why.
"""

import asyncio
import gc
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import faust
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import TopicPartition
from mode.supervisors import CrashingSupervisor

from services.common import metrics
from services.common.collector import settle
from services.common.contract.records import Record
from services.common.dead_letters import DeadLetterCounter
from services.common.errors import MailweirError, Unavailable
from services.common.health import Health
from services.common.runtime.batches import Work, process
from services.common.runtime.kafka import ending
from services.common.runtime.kafka.consumer import install
from services.common.runtime.kafka.gate import Gate
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.starting import is_there
from services.common.runtime.kafka.watchdog import Lag, LagProbe, StallDetector
from services.common.service import Publisher, Service, Subscription

log = logging.getLogger(__name__)
_LOOK = 0.2
_READ_AT_ONCE = 500  # records: what is read beyond a batch waits unpacked in aiokafka


async def run(service: Service, settings: KafkaSettings, *, health: Health, stop: asyncio.Event) -> None:
    """Run the service until ``stop`` is set or something fails that a restart must mend.

    Waits (health red) for the broker and the topics. On return every acknowledged record is committed.

    Raises:
        DeadLetterLimit: too many records could not be used.
        Stalled: records wait and nothing moves.
        TopicLost: a topic was deleted or made anew.
        Damaged: a disk of the brokers has damaged records.
        Unavailable: the brokers went away while this started.
        Exception: an error of an adapter or of Kafka that nobody can handle. The process must exit with a failure.

    """
    group = settings.topic_prefix + service.name
    topics = [settings.topic_prefix + subscription.topic.name for subscription in service.subscriptions]
    probe = LagProbe(settings.bootstrap, group, topics, settings.request_timeout)
    publisher = KafkaPublisher(settings, service.name)
    try:
        health.red("kafka", "Kafka has not answered yet")
        if await is_there("kafka", partial(_look, group, probe), settings, health, stop):
            await _consume(Runtime(service, settings, health, publisher), probe, stop)
    finally:
        await probe.close()
        await publisher.stop()


async def _look(group: str, probe: LagProbe) -> None:
    """Raise Unavailable; say when brokers know of no commit and there is something to read: new here, or forgotten."""
    lag = await probe.lag()
    waiting = sum(lag.ends.values()) - sum(lag.committed.values())
    if waiting and not lag.known:
        log.warning(
            "Kafka keeps no offsets of group %s, so %d records are read from the start of their topics: right when "
            "it is new; else they were deleted, or forgotten (offsets.retention.minutes), and `mailweir repair "
            "--check` tells whether mail that was erased has come back",
            group,
            waiting,
            extra={"count": waiting},
        )


class Runtime:
    """One service on one Faust app: what its agents share."""

    def __init__(self, service: Service, settings: KafkaSettings, health: Health, publisher: Publisher) -> None:
        self.service = service
        self.settings = settings
        self.health = health
        self.publisher = publisher
        self.gate = Gate()
        self.waiting: set[str] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.app = _app(settings.topic_prefix + service.name, settings)
        for subscription in service.subscriptions:
            self._add_agent(subscription)

    def _add_agent(self, subscription: Subscription) -> None:
        topic = self.app.topic(
            self.settings.topic_prefix + subscription.topic.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        work = self._work(subscription)

        async def agent(stream: Any) -> None:
            async for events in stream.noack_take(1, within=1):
                for event in events:
                    async with self.gate.batch():
                        await self._guarded(work, event)

        name = f"{self.service.name}.{subscription.topic.name}"
        self.app.agent(topic, name=name, concurrency=1, supervisor_strategy=CrashingSupervisor)(agent)

    def _work(self, subscription: Subscription) -> Work:
        settings = self.settings
        return Work(
            service=self.service.name,
            subscription=subscription,
            publisher=self.publisher,
            counter=DeadLetterCounter(settings.limits, f"{self.service.name} on {subscription.topic.name}"),
            health=self.health,
            now=lambda: datetime.now(UTC),
            retry_base=settings.retry_base,
            retry_cap=settings.retry_cap,
            waiting=self.waiting,
        )

    async def _guarded(self, work: Work, event: Any) -> None:
        """Process a batch and acknowledge it; a failure ends the process and this agent takes nothing more."""
        if event.message.generation_id != self.app.consumer_generation_id:
            return
        try:
            await process(work, [_record(record, self.settings.topic_prefix) for record in event.message.records])
        except Exception as error:
            if not self.failed.done():
                self.failed.set_exception(error)
            await asyncio.Event().wait()
        event.ack()

    @asynccontextmanager
    async def started(self, ask: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Start the app; at the end let running batches finish within the stop grace, commit and stop it.

        What could not be acknowledged is not waited for: batches that wait for a dependency, and all when ``ask``, a
        question to the brokers, is not answered.

        Raises:
            Unavailable: the brokers went away since they were looked for.

        """
        install(self.app)
        prefix = self.settings.topic_prefix
        batches = {prefix + subscription.topic.name: subscription.batch for subscription in self.service.subscriptions}
        self.app.consumer.reads(batches, self.settings.buffer)
        self.app.consumer.before_revoke = self._before_revoke
        self.app.consumer.after_assign = self.gate.open
        try:
            try:
                await self.app.start()
            except KafkaConnectionError as error:
                raise Unavailable("Kafka went away while this started; the next start waits for it") from error
            yield
        finally:
            waiting = None if self.failed.done() else self.waiting
            await ending.end(self.gate, waiting, self._commit_and_stop, self.settings.stop_grace, ask)

    async def _commit_and_stop(self) -> None:
        await self.app.consumer.commit_and_end_transactions()
        await self.app.stop()

    async def _before_revoke(self) -> None:
        self.gate.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.rebalance_timeout / 2):
                await ending.drained(self.gate, self.waiting)
        if self.gate.running:
            why = "waits for a dependency" if self.waiting else "runs"
            log.warning("partitions move while a batch %s; it will be done again by their next owner", why)


class _App(faust.App):
    """Faust without its folder, which is for tables: we have none, and after a kill it would stay behind."""

    def _create_directories(self) -> None:
        pass


def _app(group: str, settings: KafkaSettings) -> Any:
    return _App(
        group,
        broker=[f"kafka://{server}" for server in settings.bootstrap.split(",")],
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        broker_max_poll_records=_READ_AT_ONCE,
        broker_commit_interval=settings.commit_interval,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 4,
        broker_rebalance_timeout=settings.rebalance_timeout,
        consumer_max_fetch_size=settings.fetch_bytes,
        consumer_metadata_max_age_ms=int(12_000 * settings.probe_interval),  # until partitions that are added are read
        broker_request_timeout=max(settings.request_timeout, settings.session_timeout),
        broker_max_poll_interval=86_400.0,  # the stall watchdog judges this, and it knows when waiting is right
        producer_request_timeout=settings.request_timeout,
    )


def _record(read: Any, prefix: str) -> Record:
    headers = tuple((name, value or b"") for name, value in read.headers)
    return Record(read.topic.removeprefix(prefix), read.key or b"", read.value, headers, read.partition, read.offset)


async def _consume(runtime: Runtime, probe: LagProbe, stop: asyncio.Event) -> None:
    async with runtime.started(probe.lag):
        gc.collect()
        settle()
        log.info("running", extra={"count": len(runtime.service.subscriptions)})
        tasks: list[asyncio.Future[Any]] = [
            asyncio.create_task(stop.wait()),
            asyncio.create_task(_watch(runtime, probe)),
            asyncio.create_task(_nothing_can_be_done(runtime.app)),
        ]
        try:
            await asyncio.wait([runtime.failed, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
    if runtime.failed.done():
        runtime.failed.result()


async def _watch(runtime: Runtime, probe: LagProbe) -> None:
    """Look at lag and commits for ever; a silent broker is no stall but turns health red."""
    settings = runtime.settings
    stalls = StallDetector(settings.stall_timeout, gap=2 * (settings.probe_interval + settings.request_timeout))
    while True:
        await asyncio.sleep(settings.probe_interval)
        try:
            lag = await probe.lag()
        except Unavailable as failure:
            runtime.health.red("kafka", str(failure))
            _forget_lag(runtime)
            continue
        runtime.health.green("kafka")
        runtime.app.consumer.same.measured(lag)
        _count_lag(runtime.service.name, lag)
        _tell_removed(runtime.service.name, runtime.app.consumer.removed.take(lag.starts))
        watched = runtime.app.consumer.assignment() or set(lag.ends)
        stalls.look(time.monotonic(), lag, {(tp.topic, tp.partition) for tp in watched}, bool(runtime.waiting))


def _count_lag(service: str, lag: Lag) -> None:
    waiting: Counter[str] = Counter()
    for partition, end in lag.ends.items():
        waiting[partition.topic] += max(0, end - lag.committed.get(partition, 0))
    for topic, records in waiting.items():
        metrics.LAG.labels(service, topic).set(records)


def _forget_lag(runtime: Runtime) -> None:
    """A figure from before the brokers went would look like one of now."""
    for subscription in runtime.service.subscriptions:
        metrics.LAG.remove(runtime.service.name, runtime.settings.topic_prefix + subscription.topic.name)


def _tell_removed(service: str, removed: Iterable[tuple[TopicPartition, int]]) -> None:
    for (topic, partition), count in removed:
        metrics.REMOVED.labels(service, topic).inc(count)
        log.error(
            "%d records were removed from their topic before they were read, by its retention or by hand; what mail "
            "that was is pending in `mailweir status`, and `mailweir repair` fetches it again",
            count,
            extra={"topic": topic, "partition": partition, "count": count},
        )


async def _nothing_can_be_done(app: Any) -> None:
    """Return never; raise when a topic was lost, or when Faust itself crashed (it tells nobody, so this looks)."""
    while True:
        app.consumer.same.check()
        if app.crashed or app.should_stop:
            if isinstance(app.crash_reason, MailweirError):
                raise app.crash_reason
            raise RuntimeError(f"Faust stopped by itself: {type(app.crash_reason).__name__}")
        await asyncio.sleep(_LOOK)
