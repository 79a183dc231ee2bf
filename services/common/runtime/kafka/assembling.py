"""Records on their way into batches: full ones at once, the rest when they have waited long enough (pure)."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord

from services.common.service import Batch

Records = list[ConsumerRecord[bytes, bytes]]
_LONGEST_LOOK = 1.0  # seconds: a reader that waits for records must see within them that it is told to stop


@dataclass(slots=True)
class _Waiting:
    records: deque[ConsumerRecord[bytes, bytes]] = field(default_factory=deque)
    octets: int = 0
    since: float = 0.0


class Assembler:
    """What was read of each topic and is not handed over yet, and how many batches are under way. Times in seconds.

    ``ahead``: batches under way per topic, the one in work included. ``octets``: a batch is full with so many, too;
    a larger record goes alone.
    """

    def __init__(self, batches: Mapping[str, Batch], ahead: int = 2, octets: int = 16 << 20) -> None:
        self._batches = batches
        self._ahead = ahead
        self._octets = octets
        self._waiting: defaultdict[str, _Waiting] = defaultdict(_Waiting)
        self._under_way: Counter[str] = Counter()

    def wants(self, topic: str) -> bool:
        """Whether more of this topic should be read."""
        return self._under_way[topic] < self._ahead and not self._full(topic)

    def add(self, topic: str, records: Sequence[ConsumerRecord[bytes, bytes]], now: float) -> None:
        """Take what was read."""
        waiting = self._waiting[topic]
        if not waiting.records:
            waiting.since = now
        waiting.records.extend(records)
        waiting.octets += sum(map(_octets, records))

    def take(self, now: float) -> Iterator[tuple[str, Records]]:
        """Every batch that is due, as far as there is room for it; each counts as under way from now on."""
        for topic in list(self._waiting):
            while self._under_way[topic] < self._ahead and self._due(topic, now):
                self._under_way[topic] += 1
                yield topic, self._cut(topic)

    def done(self, topic: str) -> None:
        """A batch is acknowledged. One from before ``clear`` makes no room."""
        self._under_way[topic] = max(0, self._under_way[topic] - 1)

    def clear(self) -> None:
        """Forget everything: it is read again."""
        self._waiting.clear()
        self._under_way.clear()

    def rest(self, now: float) -> float:
        """Seconds until the next batch is due by its age, at most one."""
        ages = [
            waiting.since + self._batch(topic).within - now
            for topic, waiting in self._waiting.items()
            if waiting.records and self._under_way[topic] < self._ahead
        ]
        return min(_LONGEST_LOOK, max(0.0, min(ages, default=_LONGEST_LOOK)))

    def _batch(self, topic: str) -> Batch:
        return self._batches.get(topic, Batch(1, 0))

    def _full(self, topic: str) -> bool:
        waiting = self._waiting[topic]
        return len(waiting.records) >= self._batch(topic).size or waiting.octets >= self._octets

    def _due(self, topic: str, now: float) -> bool:
        waiting = self._waiting[topic]
        return bool(waiting.records) and (self._full(topic) or now - waiting.since >= self._batch(topic).within)

    def _cut(self, topic: str) -> Records:
        waiting, size = self._waiting[topic], self._batch(topic).size
        taken = [waiting.records.popleft()]
        octets = _octets(taken[0])
        while waiting.records and len(taken) < size and octets + _octets(waiting.records[0]) <= self._octets:
            octets += _octets(waiting.records[0])
            taken.append(waiting.records.popleft())
        waiting.octets -= octets
        return taken


def _octets(record: ConsumerRecord[bytes, bytes]) -> int:
    return len(record.value or b"")
