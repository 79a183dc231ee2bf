"""Dead letters as rows: list, one, replay, drop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, TextClause, text

from services.common import topics
from services.common.contract.records import Record, decode
from services.common.database import fault_named, transaction
from services.common.dead_letters import CUT, replayed
from services.common.errors import ConfigurationError, ContractViolated, MailweirError
from services.common.events import Event
from services.front.resending import alone, resending

if TYPE_CHECKING:
    from services.front.context import Context
    from services.front.publishing import Send

_PAGE = text(
    'SELECT id, topic, "partition", "offset", service, error, reason, at, account_id, state, '
    "octet_length(value) AS octets, folder_id, uid FROM dead_letters WHERE id > :after AND (:every OR state = 'open') "
    "AND (CAST(:topic AS text) IS NULL OR topic = :topic) ORDER BY id LIMIT :most"
)
_COUNT = text(
    "SELECT count(*) FROM dead_letters WHERE (:every OR state = 'open') "
    "AND (CAST(:topic AS text) IS NULL OR topic = :topic)"
)
_ONE = text("SELECT * FROM dead_letters WHERE id = :id")
_STATE = text("UPDATE dead_letters SET state = :state WHERE id = ANY(:ids)")
_WHOLE = f"id = ANY(:ids) AND state = ANY(:states) AND error {{}} '{CUT}'"
_BEGINNINGS = text(f"SELECT id FROM dead_letters WHERE {_WHOLE.format('=')} ORDER BY id")  # noqa: S608 (constants of ours)
_TAKE = text(f"UPDATE dead_letters SET state = 'open' WHERE {_WHOLE.format('<>')} RETURNING *")  # noqa: S608
_SENT = text(
    "UPDATE dead_letters d SET state = 'replayed' "
    "FROM unnest(CAST(:ids AS bigint[]), CAST(:ats AS timestamptz[])) AS sent (id, at) "
    "WHERE (d.id, d.at) = (sent.id, sent.at) AND d.state = 'open'"
)
_OWNERS = text("SELECT DISTINCT account_id FROM dead_letters WHERE id = ANY(:ids) AND account_id IS NOT NULL")
_ANY = ("open", "replayed", "dropped")
_OPEN = text("SELECT id FROM dead_letters WHERE id = ANY(:ids) AND state = 'open'")
_PAGE_ROWS = 1_000
_AT_ONCE = 20  # letters of at most a megabyte: five statements and one wait for the brokers serve them all

Useless = Callable[[int, MailweirError], None]


def listed(engine: Engine, topic: str | None, *, every: bool, most: int | None = None) -> Iterator[Any]:
    """Open dead letters, or every one, oldest first: a page of them at a time is in memory, and no transaction waits.

    Raises ``ConfigurationError`` for a topic that is none.
    """
    _check_topic(topic)
    after, left = 0, most
    while left is None or left > 0:
        asked = _PAGE_ROWS if left is None else min(left, _PAGE_ROWS)
        with transaction(engine) as connection:
            values = {"topic": topic, "every": every, "after": after, "most": asked}
            page = connection.execute(_PAGE, values).all()
        yield from page
        if len(page) < asked:
            return
        after, left = page[-1].id, None if left is None else left - asked


def count(engine: Engine, topic: str | None, *, every: bool) -> int:
    """How many those are. Raises ``ConfigurationError`` for a topic that is none."""
    _check_topic(topic)
    with transaction(engine) as connection:
        found: int = connection.execute(_COUNT, {"topic": topic, "every": every}).scalar_one()
    return found


def _check_topic(topic: str | None) -> None:
    names = [each.name for each in topics.MAIN_TOPICS]
    if topic not in (None, *names):
        raise ConfigurationError(f"no topic is called {topic!r}; there are {', '.join(names)}")


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
    context: "Context",
    numbers: Sequence[int],
    useless: Useless | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Replayed:
    """Send the original records once more through their readers; ``advance`` is called for each that was looked at.

    With ``useless`` these are all that were open: one that nobody can use, whatever is mended, is told to it and the
    others go on (else it is an error), and one that somebody else replays or drops meanwhile is left to them.
    """
    sent: list[int] = []
    at_once = 1 if useless is None else _AT_ONCE
    if numbers:
        with resending(context.engine, _owners(context.engine, numbers)) as connection:
            async with _sending(context) as send:
                for first in range(0, len(numbers), at_once):
                    some = numbers[first : first + at_once]
                    sent += await _replay(connection, send, some, useless)
                    for _ in some:
                        advance()
    with transaction(context.engine) as connection:
        return Replayed(sent, connection.execute(_OPEN, {"ids": sent}).scalars().all())


def _owners(engine: Engine, numbers: Sequence[int]) -> Sequence[str]:
    with transaction(engine) as connection:
        return connection.execute(_OWNERS, {"ids": list(numbers)}).scalars().all()


async def _replay(connection: Connection, send: "Send", numbers: Sequence[int], useless: Useless | None) -> list[int]:
    """Which of some letters were sent.

    One is open until it was, however this process ends: a repeat does no harm. A reader that cannot use it tells a
    later moment, and it stays open.
    """
    states = list(_ANY if useless is None else ("open",))
    done: list[Any] = []
    with alone(connection, numbers) as mine:
        values = {"ids": mine, "states": states}
        for row in _answer(connection, _BEGINNINGS, values):
            why = f"dead letter {row.id} holds only the beginning of its record; it can be dropped"
            _stays(row.id, ConfigurationError(why), useless)
        rows = sorted(_answer(connection, _TAKE, values), key=lambda row: row.id)
        try:
            await _send_all(rows, send, useless, done)
        finally:
            if done:
                _answer(connection, _SENT, {"ids": [row.id for row in done], "ats": [row.at for row in done]})
    return [row.id for row in done]


async def _send_all(rows: Sequence[Any], send: "Send", useless: Useless | None, done: list[Any]) -> None:
    """Send side by side, in order; the first failure that is not of one letter ends it. ``done``: what was sent."""

    async def sent(row: Any) -> None:
        try:
            await send(replayed(record_of(row), row.service))
        except ContractViolated as error:
            _stays(row.id, error, useless)
        else:
            done.append(row)

    sending = [asyncio.ensure_future(sent(row)) for row in rows]
    try:
        await asyncio.gather(*sending)
    finally:
        for each in sending:
            each.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


def _stays(number: int, error: MailweirError, useless: Useless | None) -> None:
    if useless is None:
        raise error
    useless(number, error)


def _answer(connection: Connection, statement: TextClause, values: dict[str, Any]) -> Sequence[Any]:
    with fault_named():
        found = connection.execute(statement, values)
        return found.all() if found.returns_rows else ()


@asynccontextmanager
async def _sending(context: "Context") -> AsyncIterator["Send"]:
    """What brings a record to its readers, while the block runs: one publisher for all."""
    from services.front.publishing import publishing, republishing

    if not context.embedded:
        async with republishing() as send:
            yield send
        return
    one_by_one = asyncio.Lock()
    async with publishing(context) as publisher:

        async def publish(record: Record) -> None:
            async with one_by_one:
                await publisher.publish([_event(record)])

        yield publish


def _event(record: Record) -> Event:
    try:
        return decode(record)
    except ContractViolated as error:
        raise ContractViolated(
            error.code, f"{error.reason}; it can only be dropped, or mended at its source"
        ) from error
