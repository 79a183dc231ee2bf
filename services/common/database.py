"""Postgres for everyone: the engine, and whose fault a failure is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from sqlalchemy import Connection, Engine, MetaData, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree

from services.common.errors import ConfigurationError, MailweirError, Unavailable
from services.common.postgres.deadlines import Bounded, bounded, pinging_briefly

METADATA = MetaData()
_LOST = ("08", "25P03", "57P", "53", "55P03")
_FULL = "53100"
_READ_ONLY, _DENIED = "25006", "42501"
_DROPPED = ("42P01", "42703", "42883")  # a table or view, a column, a function that is not there
_NO_SUCH_OPTION = re.compile(
    r'invalid connection option "\w+"|invalid \w+ value: "[^"\n]{0,60}"|'
    r'(?:root )?certificate file "[^"\n]*" [^\n]{1,80}'
)
_UNREACHED = re.compile(
    r'(?:connection to server (?:at|on socket)|could not translate host name) "([^"]*)"(?:[^:]*, port (\d+))?'
    r"(?: failed| to address): ([^\n]{1,120})"
)


# A server that went away without a word (suspended, or forgotten by a firewall) is noticed after a minute; by the
# system's own settings an answer is waited for 15 minutes, or two hours. Deadlines end what TCP does not notice.
_NOTICED = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
_TIMEOUTS = """
SET timezone = 'UTC';
SET statement_timeout = {statement};
SET lock_timeout = 20000;
SET idle_in_transaction_session_timeout = 10000
"""


def is_text(name: str) -> bool:
    """Whether rows can hold it: a file or what is typed may be of any octets, which Python has as surrogates."""
    return name.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in name)


class Refused(MailweirError):
    """The database refuses the data itself (SQLSTATE class 21, 22, 23 or 54): trying again will not help."""


class Conflicted(Unavailable):
    """Two transactions stood in each other's way and the server ended this one: the same again at once succeeds."""


class TookTooLong(Unavailable):
    """The server ended a statement at its time limit: the same again may end so for ever, less at once may not."""


_CONFLICT = (Conflicted, "the transaction in favour of another")
_ENDED = {"40001": _CONFLICT, "40P01": _CONFLICT, "57014": (TookTooLong, "a statement that took too long")}


def engine_for(url: str, *, pool_size: int = 4, statement_timeout_ms: int = 60_000) -> Engine:
    """An engine whose statements and transactions end: a cancelled caller does not stop its thread, so the server must.

    A process that is stopped or swapped out in the middle of a transaction loses it before those who wait for its rows
    give up: the idle limit is below the lock limit.

    ``url`` may carry a password; it is never logged. Connections are checked before use, so a restart of the server
    costs one retry and no error.
    """
    engine = create_engine(
        _with_driver(url), pool_size=pool_size, max_overflow=2, pool_pre_ping=True, hide_parameters=True,
        connect_args=reaching(statement_timeout_ms / 1_000),
    )  # fmt: skip
    engine.dialect.do_ping = pinging_briefly(engine.dialect.do_ping)  # type: ignore[assignment]

    @event.listens_for(engine, "connect")
    def _set_timeouts(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_TIMEOUTS.format(statement=int(statement_timeout_ms)))
        connection.commit()

    return engine


def reaching(statement_seconds: float) -> dict[str, Any]:
    """How the driver reaches a server that ends statements after so many seconds: each wait has an end."""
    own = {"application_name": "mailweir", "connection_factory": bounded(statement_seconds)}
    return {"connect_timeout": 10, **own, **_NOTICED}


def _with_driver(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg2{separator}{rest}" if scheme in ("postgres", "postgresql") else url


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; failures come out as ``Unavailable`` (the world) or ``Refused`` (the data)."""
    with fault_named(), engine.begin() as connection:
        yield connection


def unbounded(connection: Connection) -> None:
    """Let the statements of this transaction take as long as the rows of a large account need; a person waits."""
    driver = connection.connection.dbapi_connection
    if isinstance(driver, Bounded):
        driver.unbounded = True
    connection.execute(text("SET LOCAL statement_timeout = 0"))


def unbounded_for_good(connection: Connection) -> None:
    """The same for all that a connection does from now on: it must not go back to its pool."""
    driver = connection.connection.dbapi_connection
    if isinstance(driver, Bounded):
        driver.limit = 0.0
    connection.execute(text("SET statement_timeout = 0"))


@contextmanager
def fault_named() -> Iterator[None]:
    """Map driver errors to whose fault they are; others pass as they are."""
    try:
        yield
    except DBAPIError as error:
        raise _named(error.orig, error) from error
    except psycopg2.Error as error:
        raise _named(error, error) from error
    except NoneFree as error:
        raise Unavailable("Postgres has not answered what it was asked before; it is tried again") from error


def _named(cause: BaseException | None, error: Exception) -> Exception:
    state = getattr(cause, "pgcode", None) or ""
    if (wrong := _set_up_wrong(cause, state)) is not None:
        return wrong
    if state.startswith(("21", "22", "23", "54")):
        return Refused(f"the database refuses the data (SQLSTATE {state})")
    if state == _FULL:
        return Unavailable(f"the disk of Postgres is full (SQLSTATE {state}); make room, it is tried again")
    if state in _ENDED:
        kind, what = _ENDED[state]
        return kind(f"Postgres ended {what} (SQLSTATE {state}); it is tried again")
    if _lost(cause, state):
        seen = f"SQLSTATE {state}" if state else _unreached(cause)
        return Unavailable(
            f"Postgres does not answer ({seen}); see that it runs and that MAILWEIR_DATABASE_URL is right"
        )
    return error


def _lost(cause: BaseException | None, state: str) -> bool:
    """Whether the server is gone. What it refuses has a SQLSTATE; a bare DatabaseError is libpq's own."""
    broken = isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError)
    return broken or state.startswith(_LOST) or (not state and type(cause) is psycopg2.DatabaseError)


def _set_up_wrong(cause: BaseException | None, state: str) -> MailweirError | None:
    """What whoever set up the database has to change."""
    if state == _READ_ONLY:
        return Unavailable("the database takes no changes (a standby, or read-only); name the one that does")
    reason = getattr(getattr(cause, "diag", None), "message_primary", None) or "no reason was given"
    if state in _DROPPED:
        return Unavailable(f"the database lacks something of Mailweir's ({reason}): `mailweir repair` makes it anew")
    if state == _DENIED:
        return ConfigurationError(f"Postgres: {reason}; let the user of MAILWEIR_DATABASE_URL own the database")
    found = None if state else _NO_SUCH_OPTION.search(str(cause))
    return ConfigurationError(f"MAILWEIR_DATABASE_URL: {found[0]}") if found else None


def _unreached(cause: BaseException | None) -> str:
    """Where no server was found and why, of libpq's text; nothing of a statement or a row, which others hold."""
    found = _UNREACHED.search(str(cause))
    if found is None:
        return "the connection was lost"
    host, port, reason = found.groups()
    return f"{host}{f':{port}' if port else ''}: {reason}"
