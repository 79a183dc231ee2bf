"""One batch of the storer: events in, rows written. Repeats are absorbed by identity."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from services.common.database import Refused, TookTooLong
from services.common.errors import Malformed
from services.common.events import Event
from services.common.service import Handler, Outcome, Rejected, side_by_side

Parts = Callable[[Sequence[Any]], Sequence[Sequence[Any]]]


class Write(Protocol):
    """Writes the rows of some events on a cursor."""

    def __call__(self, cursor: Any, events: Sequence[Any]) -> None:
        """Write all; the caller commits."""


class Writer(Protocol):
    """Where rows go: runs a write function in one transaction.

    Raises ``Unavailable`` (nothing was written; ``TookTooLong`` where less of it might be) or ``Refused`` (the data is
    at fault).
    """

    async def write(self, write: Callable[[Any], None]) -> None:
        """Run ``write`` on a cursor; all or nothing."""


def storing(write: Write, writer: Writer, parts: Parts | None = None) -> Handler:
    """A handler that writes each batch; a batch that is refused is halved until the bad event stands alone.

    So is one that takes longer than a statement may: the same again would take as long.

    ``parts`` cuts a batch into transactions, which are written side by side as far as the writer has threads: rows are
    made while the database works. Not for events whose order matters.
    """

    async def store(batch: Sequence[Event]) -> Sequence[Outcome]:
        whole = parts(batch) if parts else [batch]
        return await side_by_side(_store(write, writer, each) for each in whole)

    return store


async def _store(write: Write, writer: Writer, batch: Sequence[Event]) -> list[Outcome]:
    rejected: list[Outcome] = []
    waiting = [list(batch)] if batch else []
    while waiting:
        part = waiting.pop()
        try:
            await writer.write(partial(write, events=part))
        except TookTooLong:
            if len(part) == 1:
                raise
            waiting += _halves(part)
        except (Refused, ValueError, TypeError) as error:
            if len(part) == 1:
                rejected.append(Rejected(part[0], "refused.data", _reason(error)))
            else:
                waiting += _halves(part)
    return rejected


def _halves(part: list[Event]) -> list[list[Event]]:
    """The later one first, as the last is taken first."""
    half = len(part) // 2
    return [part[half:], part[:half]]


def _reason(error: Exception) -> str:
    """Texts of other exceptions may hold mail content; only ours are shown."""
    if isinstance(error, Refused | Malformed):
        return str(error)
    return f"it holds a value that a row cannot ({type(error).__name__})"
