"""Which calls to the database and the object store run, for who tells of a silent one; without any driver."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

DATABASE, STORE = "Postgres", "the object store"
_BEGAN: dict[tuple[str, object], float] = {}  # by who was called and by connection or request (monotonic)


@contextmanager
def running(called: str, by: object) -> Iterator[None]:
    """While the block runs a call waits for an answer; ``by`` tells calls at the same time apart."""
    _BEGAN[called, by] = time.monotonic()
    try:
        yield
    finally:
        _BEGAN.pop((called, by), None)


def longest(called: str) -> float:
    """Seconds that the oldest call waits; 0 when none does."""
    now = time.monotonic()
    return max((now - began for (whom, _), began in list(_BEGAN.items()) if whom == called), default=0.0)
