"""Deliveries that took too long are given up for good: aiokafka would make them whenever it can, hours later, too.

Whoever published was told by then that they failed, and publishes again. Later they would be records of mail that was
erased meanwhile: when the brokers are back, or by a process that stood still. And until then each would hold memory.
"""

import time
from collections.abc import Collection
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import MessageAccumulator


class Timely(MessageAccumulator):  # type: ignore[misc]
    """Fails what is older than its ``batch_ttl``, sent before or not, instead of sending it."""

    def drain_by_nodes(self, ignore_nodes: Collection[int], muted_partitions: Collection[Any] = frozenset()) -> Any:
        """Batches to be sent now, by node."""
        for partition in list(self._batches):
            while (waiting := self._batches.get(partition)) and waiting[0].expired():
                self._pop_batch(partition).failure(TimeoutError())
        return super().drain_by_nodes(ignore_nodes, muted_partitions)


def timely(producer: AIOKafkaProducer, within: float) -> AIOKafkaProducer:
    """The same producer, before its start; it gives up deliveries after so many seconds.

    They fail with ``TimeoutError``. It has to be replaced then: numbers of records are missing in its sequence.
    """
    waiting = producer._message_accumulator
    waiting.__class__, waiting._batch_ttl = Timely, within
    return producer


class Pace:
    """How long the steps of one delivery take: after a standstill its words may count no more."""

    def __init__(self, within: float) -> None:
        self._within = within
        self._last = time.monotonic()

    def step(self) -> None:
        """Raise TimeoutError where the last step was more than ``within`` seconds ago."""
        before, self._last = self._last, time.monotonic()
        if self._last - before > self._within:
            raise TimeoutError
