"""A helper process for tests: it notes the ids of events in a file; ``die`` and ``fail`` in the audit detail decide."""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from services.common.errors import Unavailable
from services.common.events import AccessAudited, Event
from services.common.runtime.helper import help_with


class Notes:
    """A publisher that appends to a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def publish(self, events: Sequence[Event]) -> None:
        audits = [event for event in events if isinstance(event, AccessAudited)]
        asked = {event.detail for event in audits}
        if "die" in asked:
            os._exit(9)
        if "fail" in asked:
            raise Unavailable("the disk is full")
        if "bug" in asked:
            raise ZeroDivisionError
        with self._file.open("a") as file:
            file.writelines(f"{os.getpid()} {event.id}\n" for event in audits)


if __name__ == "__main__":
    with socket.socket(fileno=0) as connection:
        asyncio.run(help_with(connection, Notes(Path(sys.argv[1]))))
