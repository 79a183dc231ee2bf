"""Records to batches of one partition each, so that a delivery costs and is awaited once a batch, not once a record."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from services.common.contract.records import Record

_POSITIVE = 0x7FFFFFFF


class Packed:
    """Records of one partition that go out together, in order; ``octets`` are those of their keys and values."""

    def __init__(self, builder: BatchBuilder, topic: str, partition: int) -> None:
        self.builder = builder
        self.topic = topic
        self.partition = partition
        self.octets = 0

    def add(self, record: Record) -> bool:
        """Whether there was room; the first one always fits."""
        headers = list(record.headers)
        if self.builder.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
            return False
        self.octets += len(record.value or b"") + len(record.key)
        return True


def packed(
    begin: Callable[[], BatchBuilder], partitions: Mapping[str, Sequence[int]], records: Iterable[Record]
) -> Iterator[Packed]:
    """Each batch when it is full, and what is left at the end.

    ``begin`` makes an empty one; ``partitions`` of each topic, in order.
    """
    filling: dict[tuple[str, int], Packed] = {}
    for record in records:
        place = record.topic, partition_of(record.key, partitions[record.topic])
        if place in filling and filling[place].add(record):
            continue
        if place in filling:
            yield filling.pop(place)
        filling[place] = Packed(begin(), *place)
        filling[place].add(record)
    yield from filling.values()


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """Where Kafka's own clients send a key: all that is said of one place stays in order, whoever says it."""
    return partitions[(_hash(key) & _POSITIVE) % len(partitions)]


@lru_cache(maxsize=1024)
def _hash(key: bytes) -> int:
    """Most keys come several times in a row, and in Python this is a third of what sending a record costs."""
    hashed: int = murmur2(key)
    return hashed
