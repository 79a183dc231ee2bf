"""Records on their way into batches: full ones at once, others as often as their topic allows (pure).

What comes after a pause goes as soon as no more follows it: one new mail must not wait for company. While more keeps
coming, a batch that is not full goes at the earliest ``within`` after the one before, so a stream takes few batches.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from aiokafka import ConsumerRecord

from services.common.service import Batch

Records = list[ConsumerRecord[bytes, bytes]]
SETTLE = 0.02  # seconds: what was sent together is read in several pieces
_LONGEST_LOOK = 1.0  # seconds: a reader that waits for records must see within them that it is told to stop


@dataclass(slots=True)
class _Waiting:
    records: deque[ConsumerRecord[bytes, bytes]] = field(default_factory=deque)
    octets: int = 0
    since: float = 0.0
    last: float = 0.0


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
        self._handed_over: dict[str, float] = {}

    def wants(self, topic: str) -> bool:
        """Whether more of this topic should be read."""
        return self._under_way[topic] < self._ahead and not self._full(topic)

    def add(self, topic: str, records: Sequence[ConsumerRecord[bytes, bytes]], now: float) -> None:
        """Take what was read."""
        waiting = self._waiting[topic]
        if not waiting.records:
            waiting.since = now
        waiting.last = now
        waiting.records.extend(records)
        waiting.octets += sum(map(_octets, records))

    def take(self, now: float) -> Iterator[tuple[str, Records]]:
        """Every batch that is due, as far as there is room for it; each counts as under way from now on."""
        for topic in list(self._waiting):
            while self._under_way[topic] < self._ahead and self._due(topic, now):
                self._under_way[topic] += 1
                self._handed_over[topic] = now
                yield topic, self._cut(topic)

    def done(self, topic: str) -> None:
        """A batch is acknowledged. One from before ``clear`` makes no room."""
        self._under_way[topic] = max(0, self._under_way[topic] - 1)

    def clear(self) -> None:
        """Forget everything: it is read again."""
        self._waiting.clear()
        self._under_way.clear()
        self._handed_over.clear()

    def rest(self, now: float) -> float:
        """Seconds until the next batch that is not full is due, at most one."""
        waits = [
            self._turn(topic) - now
            for topic, waiting in self._waiting.items()
            if waiting.records and self._under_way[topic] < self._ahead
        ]
        return min(_LONGEST_LOOK, max(0.0, min(waits, default=_LONGEST_LOOK)))

    def _batch(self, topic: str) -> Batch:
        return self._batches.get(topic, Batch(1, 0))

    def _full(self, topic: str) -> bool:
        waiting = self._waiting[topic]
        return len(waiting.records) >= self._batch(topic).size or waiting.octets >= self._octets

    def _due(self, topic: str, now: float) -> bool:
        waiting = self._waiting[topic]
        return bool(waiting.records) and (self._full(topic) or now >= self._turn(topic))

    def _turn(self, topic: str) -> float:
        """When a batch that is not full may go."""
        waiting, within = self._waiting[topic], self._batch(topic).within
        settled = min(waiting.last + SETTLE, waiting.since + within)
        return max(settled, self._handed_over.get(topic, -inf) + within)

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
