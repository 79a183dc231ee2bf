"""Dead letters: how one is made from a record, and how many are too many."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from services.common.contract.records import Record
from services.common.errors import DeadLetterLimit
from services.common.events import DeadLetter
from services.common.topics import ALL_TOPICS

CUT = "record.cut"
REPLAY = "dlq_replay"  # header of a record that is sent again; its dead letter does not keep it
KEPT = 256 * 1024  # octets of a record that is too large for its dead-letter topic
_READERS = {topic.name: {name.encode() for name in topic.readers} for topic in ALL_TOPICS}


def dead_letter(record: Record, service: str, error: str, reason: str, at: datetime) -> DeadLetter:
    """The dead letter of a record: original key, bytes and headers, its coordinates, who could not use it and why."""
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        service=service,
        error=error,
        reason=reason,
        at=at,
        key=record.key,
        value=record.value,
        headers=tuple(header for header in record.headers if header[0] != REPLAY),  # the letter is for its own reader
    )


def replayed(record: Record, service: str) -> Record:
    """The record of a dead letter as it is sent again, for the reader alone that could not use it."""
    return replace(record, headers=(*record.headers, (REPLAY, service.encode())))


def is_replayed(record: Record) -> bool:
    """Whether the record was sent again for one of its readers: a mark that names no reader would hide it from all."""
    return any(name == REPLAY and value in _READERS.get(record.topic, ()) for name, value in record.headers)


def meant_for(record: Record, service: str) -> bool:
    """Whether a reader is to look at the record: others than it was sent again for have read it before."""
    return not is_replayed(record) or (REPLAY, service.encode()) in record.headers


def shortened(letter: DeadLetter) -> DeadLetter:
    """The same with the beginnings only, and it is said: for one that its topic does not take whole."""
    value = letter.value or b""
    said = f"{letter.error}: {letter.reason}; only the first {KEPT} of {len(value)} octets are kept here"
    headers, key = tuple(_first(letter.headers)), letter.key[:KEPT]
    if (headers, key) != (letter.headers, letter.key):
        said += ", nor the whole of the key and the headers"
    return replace(letter, key=key, value=value[:KEPT], headers=headers, error=CUT, reason=said)


def _first(headers: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Headers from the front, as many as the space of a value takes."""
    left = KEPT
    for name, value in headers:
        left -= len(name.encode()) + len(value)
        if left < 0:
            return
        yield name, value


@dataclass(frozen=True, slots=True)
class Limits:
    """``run``: dead letters in a row. ``ratio``: share of dead letters among the last ``window`` records."""

    run: int = 100
    ratio: float = 0.2
    window: int = 1000


class DeadLetterCounter:
    """Counts good and bad records of one subscription.

    Records that were sent again are not counted: that they still cannot be used says nothing of the others.
    A limit exists because a wrong deployment turns every record into a dead letter: then the service must stop, and
    the records must stay where they are (style of Arroyo's DLQ limit).
    """

    def __init__(self, limits: Limits, name: str) -> None:
        self._limits = limits
        self._name = name
        self._run, self._last = 0, ""
        self._window: deque[bool] = deque(maxlen=limits.window)

    def count(self, reasons: Sequence[str]) -> None:
        """Count the records of one batch in order, "" for a good one, before a letter is published.

        Raises:
            DeadLetterLimit: the run or the ratio is above its limit; no record of this batch may be acknowledged.

        """
        for reason in reasons:
            self._last = reason or self._last
            self._run = self._run + 1 if reason else 0
            self._window.append(bool(reason))
            if self._run > self._limits.run:
                self._stop(f"{self._run} records in a row")
        total = sum(self._window)
        if len(self._window) == self._limits.window and total > self._limits.ratio * self._limits.window:
            self._stop(f"{total} of the last {self._limits.window} records")

    def _stop(self, what: str) -> None:
        raise DeadLetterLimit(
            f"{self._name}: {what} could not be used, the last for {self._last}; most likely this version, its "
            "configuration or a store is wrong, so they stay in their topic: mend it, start again (docs/delivery.md)"
        )
