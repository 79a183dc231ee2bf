"""Stored mail that is sent once more comes back where it was erased: the two never happen at once for an account.

Held by locks of Postgres, which end with the connection of a process, however it ends.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Engine, Integer, cast, func, literal, select

from services.common.database import fault_named
from services.common.errors import Incomplete

_LOCK, _LETTER = 0x4D57_0003, 0x4D57_0004
_NUMBERS = 0x7FFF_FFFF  # as many locks as Postgres has of one kind


@contextmanager
def resending(engine: Engine, accounts: Iterable[str]) -> Iterator[Connection]:
    """While the block runs none of the accounts is erased. Raises Incomplete when one is being erased.

    Gives the connection that holds the locks.
    """
    with _connected(engine) as connection:
        for account in sorted(set(accounts)):
            if not connection.scalar(select(func.pg_try_advisory_lock_shared(literal(_LOCK), func.hashtext(account)))):
                raise Incomplete(f"the mail of account {account} is being erased; nothing was sent")
        yield connection


@contextmanager
def alone(connection: Connection, letters: Sequence[int]) -> Iterator[list[int]]:
    """Those of these dead letters that nobody else sends: then nobody does while the block runs, or the process."""
    mine = _answered_yes(connection, func.pg_try_advisory_lock, letters)
    try:
        yield mine
    finally:
        _answered_yes(connection, func.pg_advisory_unlock, mine)


def _answered_yes(connection: Connection, lock: Callable[..., Any], letters: Sequence[int]) -> list[int]:
    number = func.unnest(literal(list(letters), ARRAY(BigInteger))).column_valued("number")
    answered = select(number).where(lock(literal(_LETTER), cast(number.op("&")(_NUMBERS), Integer)))
    with fault_named():
        return list(connection.scalars(answered))


@contextmanager
def not_resent(engine: Engine, account: str) -> Iterator[None]:
    """While the block runs nobody sends mail of the account once more. Raises Incomplete when somebody does."""
    with _connected(engine) as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(literal(_LOCK), func.hashtext(account)))):
            raise Incomplete(
                f"stored mail of account {account}, or of all, is being sent once more (reparse, repair, dlq replay); "
                "wait for it or stop it"
            )
        yield


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """A connection that is none of the pool's, so that its locks end with the block."""
    with fault_named():
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()
    try:
        yield connection
    finally:
        connection.close()
