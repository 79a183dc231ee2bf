"""A folder for the unfinished files of one process; what processes leave there that were killed is removed later.

Whose folder it is says a lock on it, which the system drops with the last process that has it: unlike a process number
it cannot become another's, and containers that share the folder see it. A fork shares the lock of its parent.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock
from weakref import finalize

_PREFIX = "mailweir-unfinished-"
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class OwnFolder:
    """A folder below ``parent`` that is this process's as long as the value lives; others may have theirs beside it."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._path = ""
        self._making = Lock()

    def path(self) -> str:
        """Where it is: made at first use, when those without an owner are removed, and again when it is gone.

        Raises ``OSError``.
        """
        with self._making:
            if not os.path.isdir(self._path):  # noqa: PTH112 -- asked for each group of files
                remove_abandoned(self._parent)
                self._path, descriptor = _locked(self._parent)
                finalize(self, _leave, self._path, descriptor, os.getpid())
            return self._path


def _locked(parent: Path) -> tuple[str, int]:
    """A new folder and the descriptor that holds its lock. Before it is locked, another process may have removed it."""
    while True:
        path = mkdtemp(prefix=_PREFIX, dir=parent)
        with suppress(FileNotFoundError):
            descriptor = os.open(path, _FLAGS)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if Path(path).exists():
                return path, descriptor
            os.close(descriptor)


def remove_abandoned(parent: Path) -> None:
    """Remove what processes left below ``parent`` that are no more."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it is in use, or went away meanwhile, or is another user's
            _remove_if_free(path)


def _remove_if_free(path: Path) -> None:
    descriptor = os.open(path, _FLAGS)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.geteuid():
            rmtree(path)
    finally:
        os.close(descriptor)


def _leave(path: str, descriptor: int, owner: int) -> None:
    """Only the process that made it removes it, and only when it is empty."""
    if os.getpid() == owner:
        with suppress(OSError):
            Path(path).rmdir()
    os.close(descriptor)
