"""What every durable file needs: to be there as a whole or not at all, to be on disk, and one writer at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp


def sync_folder(folder: Path | str) -> None:
    """Put the names in a folder on disk: a rename is durable only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file as a whole: who reads it, and a full disk or a crash meanwhile, finds the old one or the new one."""
    fresh = _unfinished(path, text, mode)
    fresh.replace(path)
    sync_folder(path.parent)


def create(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write a file that is not there yet, as a whole; False when there is one, which stays."""
    fresh = _unfinished(path, text, mode)
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    sync_folder(path.parent)
    return True


def _unfinished(path: Path, text: str, mode: int) -> Path:
    descriptor, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, made when missing; other processes wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
