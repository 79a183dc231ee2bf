"""``python -m infra.local.keeper HOME``: starts services again that ended by themselves, as an orchestrator does.

Services end on purpose when they cannot go on. One that keeps ending is started ever more slowly.
"""

import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from infra.local import program, stack
from infra.local.program import Program
from services.common.errors import MailweirError

_LOOK = 1.0
_FIRST, _LONGEST, _STEADY = 1.0, 60.0, 120.0  # seconds: waits, and a life after which a service counts as well


def main() -> None:
    """Watch until SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    home = Path(sys.argv[1])
    found = stack.require(home).services
    watched = {name: Watch(found[name]) for name in stack.SERVICES}
    while not ended.wait(_LOOK):
        for watch in watched.values():
            watch.look(time.monotonic())


class Watch:
    """One service: when it was started again, and how long to wait before the next time."""

    def __init__(self, service: Program) -> None:
        self._service = service
        self._wait = _FIRST
        self._last = float("-inf")

    def look(self, now: float) -> None:
        """Start the service again if it is dead and its wait is over."""
        if now - self._last < self._wait:
            return
        try:
            if not program.revive(self._service):
                return
            _say(f"{self._service.name} ended by itself and was started again")
        except (MailweirError, OSError) as error:
            _say(f"{self._service.name} ended by itself and cannot be started again now: {error}")
        self._wait = _FIRST if now - self._last > _STEADY else min(self._wait * 2, _LONGEST)
        self._last = now


def _say(text: str) -> None:
    with suppress(OSError):  # the log lies on a disk that may be full; the services are watched all the same
        print(f"{datetime.now(UTC).isoformat(timespec='seconds')} {text}", flush=True)


if __name__ == "__main__":
    main()
