"""Faust's consumer with our commit rule (ADR 0003), reading in batches (ADR 0013).

Faust hands every record over by itself: two tasks, several wake-ups and entries in its books for each. Here a batch of
records is one message of Faust's: groups, assignment, flow control and life cycle stay, at a cost per batch.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport, ensure_aiokafka_TP
from faust.types import TP, AppT, Message

from services.common.runtime.kafka.assembling import Assembler, Records
from services.common.runtime.kafka.batch_message import BatchMessage, one_message
from services.common.runtime.kafka.damaged import Damaged
from services.common.runtime.kafka.fetched import Fetched, Removed
from services.common.runtime.kafka.header_names import read_any_names
from services.common.runtime.kafka.offsets import CommitPosition
from services.common.runtime.kafka.patience import be_patient
from services.common.runtime.kafka.same_topics import SameTopics
from services.common.runtime.kafka.topic_ids import topic_ids
from services.common.service import Batch

log = logging.getLogger(__name__)
_AGAIN = 0.5  # seconds between two tries to ask a broker
_LOOK = 0.05  # seconds: while one topic has no room, others are asked in short turns


class PromptThread(AIOKafkaConsumerThread):
    """Faust's reader of the broker, whose wait for news has no setting (measured: 1.5 s cost a fifth of the time)."""

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> AIOKafkaConsumer:
        consumer = super()._create_consumer(loop)
        self._lost = asyncio.Event()
        consumer._client.cluster.add_listener(self._listed)
        return consumer

    def _listed(self, cluster: ClusterMetadata) -> None:
        self._same.listed(cluster.topics())
        if self._same.lost is not None:
            self._lost.set()

    async def on_start(self) -> None:
        """Connect, and see which topics are to be read before anything is."""
        await super().on_start()
        be_patient(self._ensure_consumer()._fetcher)
        await self._identify()

    def set_shutdown(self) -> None:
        """Tell who started this, unless it ended: a stop without brokers does not wait for this thread."""
        with suppress(RuntimeError):  # its loop is closed
            super().set_shutdown()

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Fetched:
        """Records with the offsets after them, taken before anything else can be read."""
        found = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        assignment = consumer._subscription.subscription.assignment
        states = {tp: assignment and assignment.state_value(tp) for tp in active_partitions}
        known = {tp: state.position for tp, state in states.items() if state and state.has_valid_position}
        return Fetched(found, known)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit until a topic is lost: aiokafka would try until there is another one of its name."""
        committing = asyncio.create_task(self._commit_to_the_same(offsets))
        lost = asyncio.create_task(self._lost.wait())
        try:
            await asyncio.wait({committing, lost}, return_when=asyncio.FIRST_COMPLETED)
            return committing.done() and committing.result()
        finally:
            committing.cancel()
            lost.cancel()

    async def _commit_to_the_same(self, offsets: Mapping[TP, int]) -> bool:
        """A topic may be made anew between two looks at its name: its id is asked for right before each commit.

        The commit before may have been under way then, and have come to the new topic: so that one is taken back.
        """
        await self._identify()
        if self._same.lost is not None:
            await super()._commit({tp: 0 for tp in self.assignment() if tp.topic == self._same.lost})
            return False
        return bool(await super()._commit(offsets))

    async def _identify(self) -> None:
        while True:
            try:
                self._same.identified(await topic_ids(self._ensure_consumer()._client, self._same.names))
            except KafkaError as error:
                log.debug("asking for the ids of topics failed: %s", type(error).__name__)
                await asyncio.sleep(_AGAIN)
            else:
                return

    @property
    def _same(self) -> SameTopics:
        assert isinstance(self.consumer, OrderedConsumer)
        return self.consumer.same


class OrderedConsumer(Consumer):
    """Commits only below the lowest unacknowledged record of each partition."""

    logger = logging.getLogger("faust.consumer")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._positions: defaultdict[TP, CommitPosition] = defaultdict(CommitPosition)
        self._assembler = Assembler({})
        self._room = asyncio.Event()
        self.same = SameTopics()
        self.removed = Removed()
        self.before_revoke: Callable[[], Awaitable[None]] | None = None
        self.after_assign: Callable[[], None] | None = None

    def _new_consumer_thread(self) -> PromptThread:
        return PromptThread(self, loop=self.loop, beacon=self.beacon)

    def reads(self, batches: Mapping[str, Batch], ahead: int) -> None:
        """Read these topics in batches; others record by record. ``ahead``: batches under way per topic."""
        self._assembler = Assembler(batches, ahead)
        self.same = SameTopics(batches)

    def ack(self, message: Message) -> bool:
        """Acknowledge a batch; one from before a rebalance is void, its records come again."""
        assert isinstance(message, BatchMessage)
        if message.generation_id == self.app.consumer_generation_id:
            for record in message.records:
                self._positions[TP(record.topic, record.partition)].acknowledged(record.offset)
            self._assembler.done(message.topic)
            self._room.set()
        return bool(super().ack(message))

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (tp for tp in list(self._positions) if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        position = self._positions.get(tp)
        return position.position if position is not None and self.same.lost is None else None

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Only whether aiokafka fetches: Faust's books know one partition of a batch; our watchdog sees the rest."""
        self._thread.verify_recovery_event_path(now, tp)

    async def _drain_messages(self, fetcher: Any) -> None:
        """What Faust's fetcher runs: read, assemble, hand over, until told to stop."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                for topic, records in self._assembler.take(time.monotonic()):
                    await self._hand_over(topic, records)
                await self._read()
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise
        except Damaged:
            await self._finish()
            raise

    async def _finish(self) -> None:
        """Hand over what was read and commit it: who removes damaged records removes all that is before them, too."""
        while any(each.position != each.expected for each in self._positions.values()) and not self.should_stop:
            for topic, records in self._assembler.take(time.monotonic()):
                await self._hand_over(topic, records)
            self._room.clear()
            await self.wait_first(self._room.wait(), timeout=self._assembler.rest(time.monotonic()))
        await self.commit_and_end_transactions()

    async def _read(self) -> None:
        """Read once; what was read while partitions moved is read again from what is committed."""
        if not self.flow_active:
            await self.wait_first(self.can_resume_flow.wait())
        self._room.clear()
        active = self._get_active_partitions()
        wanted = {tp for tp in active if self._assembler.wants(tp.topic)}
        rest = self._assembler.rest(time.monotonic())
        if not wanted:
            await self.wait_first(self._room.wait(), timeout=rest)
            return
        generation = self.app.consumer_generation_id
        found = await self._getmany(wanted, rest if len(wanted) == len(active) else min(rest, _LOOK))
        if self.should_stop:
            return
        if self.flow_active and self.app.consumer_generation_id == generation:
            assert isinstance(found, Fetched)
            self._take(found)
        else:
            await self._again()

    def _take(self, found: Fetched) -> None:
        for tp, end in found.ends.items():
            records = found.get(tp, [])
            self._look_for_jumps(tp, records[0].offset if records else end)
            position = self._positions[tp]
            for record in records:
                position.delivered(record.offset)
            position.read(end)
            if records:
                self._assembler.add(tp.topic, records, time.monotonic())

    def _look_for_jumps(self, tp: TP, offset: int) -> None:
        """Records that are gone are told; where a topic lost its end, lower offsets than before are to be committed."""
        before = self._positions[tp].expected
        before = self._read_offset.get(tp) if before is None else before
        self.removed.jumped(tp, offset if before is None else before, offset)
        if offset < (self._committed_offset.get(tp) or 0):
            self._committed_offset[tp] = None

    async def _again(self) -> None:
        """What was taken of the broker and not kept is asked for again, until it can be: else it would be skipped."""
        self._assembler.clear()
        while not self.should_stop:
            ours = set(self.assignment())
            try:
                await self.perform_seek()
                await self._from_the_start(ours & set(self.assignment()))
            except Exception as error:
                self.log.warning("reading starts again after the rebalance: %s", type(error).__name__)
                await self.sleep(_AGAIN)
            else:
                return

    async def _from_the_start(self, ours: set[TP]) -> None:
        """Where nothing is committed, or offset 0, aiokafka seeks nowhere: it would go on behind what was not kept.

        ``ours``: partitions whose commits were looked at; what is committed of those that came later is not known yet.
        """
        never = [ensure_aiokafka_TP(tp) for tp in ours if not self._read_offset.get(tp)]
        if never:
            await self._thread.seek_to_beginning(*never)

    async def _hand_over(self, topic: str, records: Records) -> None:
        message = one_message(records, self.app.consumer_generation_id)
        await self.wait_first(self.callback(message), self.suspend_flow.wait())

    async def maybe_wait_for_commit_to_finish(self) -> bool:
        """As Faust's, but whoever gives up this wait has: Faust would commit instead, and a stop would never end."""
        running = self._commit_fut
        if running is None:
            return False
        await asyncio.wait({running})
        return not running.cancelled()

    async def commit_and_end_transactions(self) -> None:
        """Commit what is acknowledged now: a commit that is under way may be older, and Faust would let it do."""
        await self.maybe_wait_for_commit_to_finish()
        await super().commit_and_end_transactions()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let running batches end and commit them while the partitions are still ours, then give them up."""
        if self.before_revoke is not None:
            await self.before_revoke()
        await self.commit_and_end_transactions()
        await super().on_partitions_revoked(revoked)
        self._forget()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Start the new assignment with nothing delivered."""
        self._forget()
        await super().on_partitions_assigned(assigned, generation_id)
        if self.after_assign is not None:
            self.after_assign()

    def _forget(self) -> None:
        self._positions.clear()
        self._assembler.clear()


class OrderedTransport(Transport):
    """The transport that uses :class:`OrderedConsumer`."""

    Consumer = OrderedConsumer


def install(app: AppT) -> None:
    """Make an app read with our consumer; call before it starts."""
    read_any_names()
    app.transport = OrderedTransport(app.conf.broker_consumer, app)
