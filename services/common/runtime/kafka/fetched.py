"""What one look at the broker brought, and what it shows of records that are gone (pure)."""

from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka.structs import TopicPartition

from services.common.runtime.kafka.assembling import Records


class Fetched(dict[Any, Records]):
    """Records by partition; ``ends``: the offset after them, also where none came."""

    def __init__(self, records: Mapping[Any, Records], ends: Mapping[Any, int]) -> None:
        super().__init__(records)
        self.ends = {partition: read[-1].offset + 1 for partition, read in records.items()} | dict(ends)


class Removed:
    """Records that a topic had and nobody read: told by a jump of the reader to where the topic begins by now.

    A jump elsewhere is none: compaction and transactions leave offsets without a record.
    """

    def __init__(self) -> None:
        self._jumps: list[tuple[TopicPartition, int, int]] = []

    def jumped(self, partition: TopicPartition, before: int, after: int) -> None:
        """The reader expected the offset ``before`` and was given ``after``."""
        if after > before:
            self._jumps.append((partition, before, after))

    def take(self, starts: Mapping[TopicPartition, int]) -> Iterator[tuple[TopicPartition, int]]:
        """How many of which partition are gone, each once. ``starts``: where the topics begin, seen after the jumps."""
        jumps, self._jumps = self._jumps, []
        for partition, before, after in jumps:
            gone = min(after, starts.get(partition, 0)) - before
            if gone > 0:
                yield partition, gone
