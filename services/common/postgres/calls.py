"""Which calls to Postgres run, for who tells of a silent server; without the driver, which not every service loads."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_BEGAN: dict[object, float] = {}  # by connection (monotonic)


@contextmanager
def running(connection: object) -> Iterator[None]:
    """While the block runs a call of this connection waits for its answer."""
    _BEGAN[connection] = time.monotonic()
    try:
        yield
    finally:
        _BEGAN.pop(connection, None)


def longest() -> float:
    """Seconds that the oldest call waits; 0 when none does."""
    now = time.monotonic()
    return max((now - began for began in list(_BEGAN.values())), default=0.0)
