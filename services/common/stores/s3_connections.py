"""Connections to an S3 store: what was cut off is no answer, and requests are known while they wait for one."""

from http.client import HTTPResponse, RemoteDisconnected
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from services.common import calls

_END = (b"\r\n", b"\n")


class _Lines:
    """A stream that remembers the last line which was read of it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def close(self) -> None:
        self._stream.close()


class _WholeAnswer(HTTPResponse):
    """Headers that end with their connection would be taken for all: an object without octets, or of no size."""

    def begin(self) -> None:
        """Read the headers. Raises RemoteDisconnected where they have no end."""
        stream = self.fp
        lines: Any = _Lines(stream)
        self.fp = lines
        try:
            super().begin()
        finally:
            self.fp = stream if self.fp is lines else self.fp  # which is None where it was closed
        if lines.last not in _END:
            raise RemoteDisconnected("the connection ended before the headers of an answer did")


class _HTTPConnection(HTTPConnection):
    response_class = _WholeAnswer


class _HTTPSConnection(HTTPSConnection):
    response_class = _WholeAnswer


class _HTTPConnectionPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSConnectionPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class Connections(urllib3.PoolManager):
    """A pool for each host."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.pool_classes_by_scheme = {"http": _HTTPConnectionPool, "https": _HTTPSConnectionPool}

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        """One request with all its tries."""
        with calls.running(calls.STORE, object()):
            return super().urlopen(*args, **kwargs)
