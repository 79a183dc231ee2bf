"""Whether the topics are still those that a worker began to read (pure).

To a consumer like ours a topic is its name: one that is deleted and made anew would be read on at the old offsets, and
a commit of them would make the next reader skip the first records. So such a worker commits nothing more and ends. A
fresh one starts right, because Kafka forgets the commits of a topic together with the topic. A topic that is away for a
moment only shows by its id, which is asked for before each commit.
"""

from collections.abc import Collection, Mapping

from aiokafka.structs import TopicPartition

from services.common.errors import MailweirError
from services.common.runtime.kafka.watchdog import Lag


class TopicLost(MailweirError):
    """A topic was deleted or made anew under a running service: the process ends, so that a fresh one starts right."""


class SameTopics:
    """Remembers what was seen of the topics ``names``; ``lost`` is the first that cannot be the same any more."""

    def __init__(self, names: Collection[str] = ()) -> None:
        self.lost: str | None = None
        self.names = frozenset(names)
        self._listed: frozenset[str] = frozenset()
        self._ends: Mapping[TopicPartition, int] = {}
        self._ids: dict[str, bytes] = {}

    def listed(self, topics: Collection[str]) -> None:
        """What a broker lists now. Called from the reader's thread."""
        now = self.names.intersection(topics)
        self._lose(self._listed - now)
        self._listed |= now

    def identified(self, ids: Mapping[str, bytes]) -> None:
        """Ids now, where a broker tells them. Called from the reader's thread, first before anything is read."""
        self._lose({name for name, found in ids.items() if self._ids.setdefault(name, found) != found})

    def measured(self, lag: Lag) -> None:
        """Offsets now: the end of a topic never goes back; a commit seems to while a broker starts."""
        self._lose({partition.topic for partition, end in self._ends.items() if lag.ends.get(partition, 0) < end})
        self._ends = lag.ends

    def check(self) -> None:
        """Raise TopicLost once a topic is lost."""
        if self.lost is not None:
            raise TopicLost(
                f"topic {self.lost} was deleted or made anew under this service, with all that nobody had read; the "
                "process ends, a fresh one starts right. `mailweir topics` makes what is missing; what was lost is "
                "pending in `mailweir status`, and `mailweir repair` fetches it again"
            )

    def _lose(self, topics: Collection[str]) -> None:
        if topics and self.lost is None:
            self.lost = min(topics)
