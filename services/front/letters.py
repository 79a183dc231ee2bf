"""Dead letters as rows: list, one, replay, drop."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, text

from services.common import topics
from services.common.contract import Record, decode
from services.common.database import transaction
from services.common.dead_letters import CUT
from services.common.errors import ConfigurationError, ContractViolated, MailweirError
from services.common.events import Event
from services.front.resending import resending

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
_OWNERS = text("SELECT DISTINCT account_id FROM dead_letters WHERE id = ANY(:ids) AND account_id IS NOT NULL")
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


async def replay(
    context: "Context", numbers: Sequence[int], useless: Callable[[int, MailweirError], None] | None = None
) -> list[int]:
    """Send the original records once more through their readers; those that are dead letters again.

    One that nobody can use, whatever is mended, is told to ``useless`` and the others go on; else it is an error.
    """
    if not numbers:
        return []
    with resending(context.engine, _owners(context.engine, numbers)):
        async with _sending(context) as send:
            await _replay_each(context, send, numbers, useless)
    with transaction(context.engine) as connection:
        return list(connection.execute(_OPEN, {"ids": list(numbers)}).scalars())


def _owners(engine: Engine, numbers: Sequence[int]) -> Sequence[str]:
    with transaction(engine) as connection:
        return connection.execute(_OWNERS, {"ids": list(numbers)}).scalars().all()


async def _replay_each(
    context: "Context", send: "Send", numbers: Sequence[int], useless: Callable[[int, MailweirError], None] | None
) -> None:
    for number in numbers:
        try:
            await _replay(context, send, number)
        except (ConfigurationError, ContractViolated) as error:
            if useless is None:
                raise
            useless(number, error)


async def _replay(context: "Context", send: "Send", number: int) -> None:
    """One letter. It is marked as replayed before it is sent: a reader that cannot use it still opens it again."""
    row = one(context.engine, number)
    if row.error == CUT:
        raise ConfigurationError(f"dead letter {number} holds only the beginning of its record; it can be dropped")
    settle(context.engine, [number], "replayed")
    try:
        await send(record_of(row))
    except BaseException:
        settle(context.engine, [number], "open")
        raise


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
