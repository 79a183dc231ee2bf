"""Dead letters as rows: list, one, replay, drop."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, TextClause, text

from services.common import topics
from services.common.contract import Record, decode
from services.common.database import fault_named, transaction
from services.common.dead_letters import CUT, replayed
from services.common.errors import ConfigurationError, ContractViolated, MailweirError
from services.common.events import Event
from services.front.resending import alone, resending

if TYPE_CHECKING:
    from services.front.context import Context
    from services.front.publishing import Send

_LIST = text(
    'SELECT id, topic, "partition", "offset", service, error, reason, at, account_id, state, '
    "octet_length(value) AS octets, folder_id, uid FROM dead_letters WHERE (:every OR state = 'open') "
    "AND (CAST(:topic AS text) IS NULL OR topic = :topic) ORDER BY id"
)
_ONE = text("SELECT * FROM dead_letters WHERE id = :id")
_STATE = text("UPDATE dead_letters SET state = :state WHERE id = ANY(:ids)")
_TAKE = text("UPDATE dead_letters SET state = 'open' WHERE id = :id AND state = ANY(:states) RETURNING at")
_SENT = text("UPDATE dead_letters SET state = 'replayed' WHERE id = :id AND state = 'open' AND at = :at RETURNING at")
_OWNERS = text("SELECT DISTINCT account_id FROM dead_letters WHERE id = ANY(:ids) AND account_id IS NOT NULL")
_ANY = ("open", "replayed", "dropped")
_OPEN = text("SELECT id FROM dead_letters WHERE id = ANY(:ids) AND state = 'open'")


def listed(engine: Engine, topic: str | None, *, every: bool) -> Sequence[Any]:
    """Open dead letters, or every one, oldest first. Raises ``ConfigurationError`` for a topic that is none."""
    names = [each.name for each in topics.MAIN_TOPICS]
    if topic not in (None, *names):
        raise ConfigurationError(f"no topic is called {topic!r}; there are {', '.join(names)}")
    with transaction(engine) as connection:
        return connection.execute(_LIST, {"topic": topic, "every": every}).all()


def one(engine: Engine, number: int) -> Any:
    """One dead letter. Raises ``ConfigurationError`` when there is none."""
    with transaction(engine) as connection:
        row = connection.execute(_ONE, {"id": number}).one_or_none()
    if row is None:
        raise ConfigurationError(f"there is no dead letter {number}; mailweir dlq list shows them")
    return row


def settle(engine: Engine, numbers: Sequence[int], state: str) -> None:
    """Set the state of dead letters: open, replayed or dropped."""
    with transaction(engine) as connection:
        connection.execute(_STATE, {"ids": list(numbers), "state": state})


def record_of(row: Any) -> Record:
    """The original record."""
    headers = tuple((name, bytes.fromhex(value)) for name, value in row.headers)
    value = None if row.value is None else bytes(row.value)
    return Record(row.topic, bytes(row.key), value, headers)


class Replayed(Struct, frozen=True):
    """What was sent once more, and what of it is a dead letter again: embedded; on the stack that shows later."""

    sent: Sequence[int]
    again: Sequence[int]


async def replay(
    context: "Context", numbers: Sequence[int], useless: Callable[[int, MailweirError], None] | None = None
) -> Replayed:
    """Send the original records once more through their readers.

    With ``useless`` these are all that were open: one that nobody can use, whatever is mended, is told to it and the
    others go on (else it is an error), and one that somebody else replays or drops meanwhile is left to them.
    """
    sent: list[int] = []
    if numbers:
        with resending(context.engine, _owners(context.engine, numbers)) as connection:
            async with _sending(context) as send:
                replay_one = partial(_replay, context, connection, send)
                await _replay_each(replay_one, numbers, useless, sent)
    with transaction(context.engine) as connection:
        return Replayed(sent, connection.execute(_OPEN, {"ids": sent}).scalars().all())


def _owners(engine: Engine, numbers: Sequence[int]) -> Sequence[str]:
    with transaction(engine) as connection:
        return connection.execute(_OWNERS, {"ids": list(numbers)}).scalars().all()


async def _replay_each(
    replay_one: Callable[[int, Sequence[str]], Awaitable[bool]],
    numbers: Sequence[int],
    useless: Callable[[int, MailweirError], None] | None,
    sent: list[int],
) -> None:
    for number in numbers:
        try:
            if await replay_one(number, _ANY if useless is None else ("open",)):
                sent.append(number)
        except (ConfigurationError, ContractViolated) as error:
            if useless is None:
                raise
            useless(number, error)


async def _replay(context: "Context", connection: Connection, send: "Send", number: int, states: Sequence[str]) -> bool:
    """Whether one letter of these states was sent.

    It is open until it was, however this process ends: a repeat does no harm. A reader that cannot use it tells a later
    moment, and it stays open.
    """
    row = one(context.engine, number)
    if row.error == CUT:
        raise ConfigurationError(f"dead letter {number} holds only the beginning of its record; it can be dropped")
    with alone(connection, number) as mine:
        at = mine and _changed(connection, _TAKE, {"id": number, "states": list(states)})
        if not at:
            return False
        await send(replayed(record_of(row), row.service))
        _changed(connection, _SENT, {"id": number, "at": at})
    return True


def _changed(connection: Connection, statement: TextClause, values: dict[str, Any]) -> Any:
    with fault_named():
        return connection.execute(statement, values).scalar()


@asynccontextmanager
async def _sending(context: "Context") -> AsyncIterator["Send"]:
    """What brings a record to its readers, while the block runs: one publisher for all."""
    from services.front.publishing import publishing, republishing

    if not context.embedded:
        async with republishing() as send:
            yield send
        return
    async with publishing(context) as publisher:

        async def publish(record: Record) -> None:
            await publisher.publish([_event(record)])

        yield publish


def _event(record: Record) -> Event:
    try:
        return decode(record)
    except ContractViolated as error:
        raise ContractViolated(
            error.code, f"{error.reason}; it can only be dropped, or mended at its source"
        ) from error
