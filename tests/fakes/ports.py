"""A port where nobody listens, for as long as a test needs it to be so, and a name that nobody knows."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections: it is taken until the block ends, so nobody else can open it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def nobody_knows(*_: object, **__: object) -> NoReturn:
    """In place of ``socket.getaddrinfo``: what it says of a name that does not exist, without asking any server."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
