"""The second process of an embedded sync."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from services.common.database import engine_for
from services.common.postgres.deadlines import unwatched
from services.front.context import Context


@contextmanager
def helper(context: Context) -> Iterator[socket.socket | None]:
    """The socket of a second process that publishes; None on the stack, on one core, and beside other threads."""
    if not context.embedded or (os.cpu_count() or 1) == 1:
        yield None
        return
    from services.cli.interrupts import as_usual
    from services.common.runtime.helper import forked, help_with
    from services.front.embedded import publisher

    def work(connection: socket.socket) -> None:
        as_usual()
        own = Context(context.settings, context.database_url, engine_for(context.database_url))
        asyncio.run(help_with(connection, publisher(own)))

    with ExitStack() as child:
        with unwatched():
            connection = child.enter_context(forked(work)) if threading.active_count() == 1 else None
        yield connection
