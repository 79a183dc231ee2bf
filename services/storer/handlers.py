"""One batch of the storer: events in, rows written (requirement S6). Repeats are absorbed by identity."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from services.common.database import Refused
from services.common.events import Event
from services.common.service import Handler, Outcome, Rejected

_WORTH_SPLITTING = 100


class Write(Protocol):
    """Writes the rows of some events on a cursor."""

    def __call__(self, cursor: Any, events: Sequence[Any]) -> None:
        """Write all; the caller commits."""


class Writer(Protocol):
    """Where rows go: runs a write function in one transaction.

    Raises ``Unavailable`` (nothing was written) or ``Refused`` (the data is at fault).
    """

    async def write(self, write: Callable[[Any], None]) -> None:
        """Run ``write`` on a cursor; all or nothing."""


def storing(write: Write, writer: Writer, *, lanes: int = 1) -> Handler:
    """A handler that writes each batch; a batch that is refused is halved until the bad event stands alone.

    With ``lanes`` above 1 a large batch is written in so many transactions side by side, so that rows are prepared
    while the database works. Not for events whose order matters.
    """

    async def store(batch: Sequence[Event]) -> Sequence[Outcome]:
        if lanes == 1 or len(batch) < _WORTH_SPLITTING:
            return await _store(write, writer, batch)
        size = -(-len(batch) // lanes)
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        results = await asyncio.gather(*(_store(write, writer, part) for part in parts), return_exceptions=True)
        return [outcome for result in results for outcome in _or_raise(result)]

    return store


def _or_raise(result: list[Outcome] | BaseException) -> list[Outcome]:
    if isinstance(result, BaseException):
        raise result
    return result


async def _store(write: Write, writer: Writer, batch: Sequence[Event]) -> list[Outcome]:
    rejected: list[Outcome] = []
    waiting = [list(batch)] if batch else []
    while waiting:
        part = waiting.pop()
        try:
            await writer.write(partial(write, events=part))
        except (Refused, ValueError, TypeError) as error:
            if len(part) == 1:
                rejected.append(Rejected(part[0], "refused.data", _reason(error)))
            else:
                half = len(part) // 2
                waiting += [part[half:], part[:half]]
    return rejected


def _reason(error: Exception) -> str:
    """Texts of other exceptions may hold mail content; only ours are shown."""
    return str(error) if isinstance(error, Refused) else type(error).__name__
