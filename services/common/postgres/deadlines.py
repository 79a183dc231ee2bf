"""An end for each call of the driver: libpq waits for an answer as long as the connection seems to stand.

A server that is there ends a statement at its time limit, and TCP ends a connection whose octets nobody acknowledges.
What acknowledges and never answers (a proxy or a firewall between, a host whose disk is gone) is ended by neither. So
the socket is shut here, below the driver, which then reports a lost connection to whoever waits.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import connection, cursor

from services.common import calls

MARGIN = 15.0  # seconds beyond the server's own limit
PING = 20.0  # seconds for the question whether a connection of the pool still stands
LOOK = 5.0  # seconds between two looks
_DUE: "dict[Bounded, float]" = {}  # calls that run, and when they should have ended (monotonic)
_LOCK = threading.Lock()
_WATCHING: list[threading.Thread] = []
_ENOUGH = threading.Event()


class _Cursor(cursor):  # type: ignore[misc]
    """A cursor whose calls end. Its connection is a ``Bounded``."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 -- the name is the driver's
        with _ending(self.connection):
            super().execute(query, vars)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        with _ending(self.connection):
            super().copy_expert(sql, file, size)


class Bounded(connection):  # type: ignore[misc]
    """A connection of which each call ends ``limit`` seconds after its begin, by its loss; 0: none has an end.

    ``unbounded``: nor has any until the transaction ends. ``pinged``: it is asked only whether it still stands.
    """

    limit = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = _Cursor
        self.unbounded = self.pinged = False
        _watch()

    def commit(self) -> None:
        """End a transaction."""
        with _ending(self):
            super().commit()
        self.unbounded = False

    def rollback(self) -> None:
        """Drop a transaction."""
        with _ending(self):
            super().rollback()
        self.unbounded = False


def bounded(statement_seconds: float) -> Callable[..., connection]:
    """What makes connections to a server that ends statements after so many seconds; 0: it does not."""
    limit = statement_seconds + MARGIN if statement_seconds else 0.0
    return type("Bounded", (Bounded,), {"limit": limit})


def pinging_briefly(ping: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The dialect's ``ping`` with an end of its own.

    A connection that lay in the pool while a firewall or a proxy forgot it would else keep its work waiting as long as
    the longest statement may take; each of them, one after the other.
    """

    def briefly(driver: Any) -> bool:
        driver.pinged = True
        try:
            return ping(driver)
        finally:
            driver.pinged = False

    return briefly


@contextmanager
def _ending(of: Any) -> Iterator[None]:
    if not of.limit or of.unbounded:
        yield
        return
    _DUE[of] = time.monotonic() + (min(PING, of.limit) if of.pinged else of.limit)
    try:
        with calls.running(calls.DATABASE, of):
            yield
    finally:
        with _LOCK:  # not while its socket is being shut: the number may be another's a moment later
            _DUE.pop(of, None)


@contextmanager
def unwatched() -> Iterator[None]:
    """No thread looks while the block runs: a process is forked that must have one thread. It begins its own."""
    watching = _WATCHING[:]
    _ENOUGH.set()
    for thread in watching:
        thread.join()
    _ENOUGH.clear()
    try:
        yield
    finally:
        if watching:
            _watch()


def _watch() -> None:
    """A process that was forked has none."""
    with _LOCK:
        if not any(thread.is_alive() for thread in _WATCHING):
            _WATCHING[:] = [threading.Thread(target=_look_for_ever, name="postgres-deadlines", daemon=True)]
            _WATCHING[0].start()


def _look_for_ever() -> None:
    while not _ENOUGH.wait(LOOK):
        with _LOCK:
            now = time.monotonic()
            for late in [of for of, due in list(_DUE.items()) if due < now]:
                del _DUE[late]
                _shut(late)


def _shut(of: connection) -> None:
    if of.closed:
        return
    with socket.socket(fileno=of.fileno()) as twin:
        try:
            twin.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            twin.detach()  # it is the driver's to close
