"""Health of a service as a heartbeat file, for orchestrators: ``python -m services.common.health FILE``.

The event loop touches the file at most once a second. A process that is alive but stuck stops touching it, so an old
file means the same as a red one (docs/delivery.md).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from services.common.errors import ConfigurationError

MAX_AGE = 15.0
_BEAT = 1.0


def path_of(home: Path, service: str) -> Path:
    """Where a service keeps its heartbeat file."""
    return home / "health" / f"{service}.json"


class Health:
    """State of one service: red while any source says why, else green. Times are Unix seconds.

    ``path`` None keeps the state in memory only. Raises ConfigurationError when its folder cannot be made.
    """

    def __init__(self, service: str, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._path = path
        self._clock = clock
        self._reasons: dict[str, str] = {}
        self._since = clock()
        self._written = float("-inf")
        if path is not None:
            _make(path.parent)

    @property
    def state(self) -> str:
        """``green`` or ``red``."""
        return "red" if self._reasons else "green"

    @property
    def reason(self) -> str | None:
        """Why it is red, each reason in a line of its own, also when several sources give it; None when green."""
        return "\n".join(dict.fromkeys(self._reasons.values())) or None

    def red(self, source: str, reason: str) -> None:
        """``source`` (a topic, a dependency) cannot work; ``reason`` is a text for people."""
        changed = not self._reasons
        self._reasons[source] = reason
        self._changed(changed)

    def green(self, source: str) -> None:
        """``source`` works again."""
        if self._reasons.pop(source, None) is not None:
            self._changed(not self._reasons)

    def beat(self) -> None:
        """Say that the loop is alive; writes at most once a second, and at once when the clock was set back."""
        if not 0 <= self._clock() - self._written < _BEAT:
            self._write()

    def _changed(self, turned: bool) -> None:
        if turned:
            self._since = self._clock()
            self._write()

    def _write(self) -> None:
        self._written = self._clock()
        if self._path is None:
            return
        text = json.dumps(
            {
                "service": self._service,
                "state": self.state,
                "reason": self.reason,
                "since": self._since,
                "time": self._written,
                "pid": os.getpid(),
            }
        )
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):  # on a full disk the file grows old, which is told as unhealthy; the service goes on
            fresh.write_text(text)
            fresh.replace(self._path)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made ({error.strerror}); name another MAILWEIR_HOME") from None


def verdict(path: Path, max_age: float, now: float) -> str | None:
    """Why the service behind a heartbeat file is not healthy, or None. ``max_age`` in seconds."""
    try:
        found = json.loads(path.read_text())
        state, age = found["state"], now - float(found["time"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path}: no readable heartbeat ({type(error).__name__}); is the service running?"
    if age > max_age:
        return f"{path}: last heartbeat {age:.0f} s ago; the service is stuck or gone"
    if age < -max_age:
        return f"{path}: last heartbeat before the clock was set back by {-age:.0f} s; the service is stuck or gone"
    return None if state == "green" else f"{found.get('service')}: {found.get('reason')}"


def main() -> int:
    """Exit code 0 for a fresh green heartbeat, else 1 and one line why."""
    parser = argparse.ArgumentParser(prog="python -m services.common.health", description=main.__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--max-age", type=float, default=MAX_AGE, metavar="S")
    options = parser.parse_args()
    why = verdict(options.file, options.max_age, time.time())
    if why is not None:
        print(why, file=sys.stderr)
    return int(why is not None)


if __name__ == "__main__":
    sys.exit(main())
