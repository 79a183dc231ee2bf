"""Faust's consumer with our commit rule (design section 6, rule 4) and a bounded hand-over at a rebalance."""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP, AppT, Message

from services.common.runtime.offsets import CommitPosition


class OrderedConsumer(Consumer):
    """Commits only below the lowest unacknowledged record of each partition."""

    logger = logging.getLogger("faust.consumer")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._positions: defaultdict[TP, CommitPosition] = defaultdict(CommitPosition)
        self._deliver = self.callback
        self.callback = self._delivered
        self.before_revoke: Callable[[], Awaitable[None]] | None = None
        self.after_assign: Callable[[], None] | None = None

    async def _delivered(self, message: Message) -> None:
        self._positions[message.tp].delivered(message.offset)
        await self._deliver(message)

    def ack(self, message: Message) -> bool:
        """Acknowledge; an acknowledgement from before a rebalance is void, that record comes again."""
        if message.generation_id == self.app.consumer_generation_id:
            self._positions[message.tp].acknowledged(message.offset)
        return bool(super().ack(message))

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        position = self._positions.get(tp)
        return position.position if position is not None else None

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
        self._positions.clear()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Start the new assignment with nothing delivered."""
        self._positions.clear()
        await super().on_partitions_assigned(assigned, generation_id)
        if self.after_assign is not None:
            self.after_assign()


class OrderedTransport(Transport):
    """The transport that uses :class:`OrderedConsumer`."""

    Consumer = OrderedConsumer


def install(app: AppT) -> None:
    """Make an app read with our consumer; call before it starts."""
    app.transport = OrderedTransport(app.conf.broker_consumer, app)
