"""Files that commands write for other programs: whole, or not there under their name."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copymode
from typing import BinaryIO

from services.common.errors import ConfigurationError, Incomplete, MailweirError


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, called ``NAME.mailweir-part`` until the block ends well: until then what had the name stays.

    What is there and is no file (a pipe, a device) is written directly. Raises OSError with its name where the path
    cannot be used, MailweirError where there is no room for all of it, Incomplete where another process writes it.
    """
    if path.exists() and not path.is_file():
        with _told(path, path), path.open("wb") as stream:
            yield stream
        return
    if not path.parent.exists():
        raise ConfigurationError(f"{path}: there is no folder {path.parent}; make it, then run this again")
    target = Path(os.path.realpath(path))  # of a link, what it leads to; of one to itself, the link
    part = target.with_name(f"{target.name}.mailweir-part")
    with _told(path, part), _own(path, part) as stream:
        try:
            if target.exists():
                part.chmod(0o600)  # what is for nobody else's eyes is not for them meanwhile, either
            yield stream
            stream.flush()
            if target.exists():
                copymode(target, part)
            part.replace(target)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


@contextmanager
def _own(path: Path, part: Path) -> Iterator[BinaryIO]:
    """An empty file that no other process writes as long as the block runs."""
    while True:
        with part.open("ab") as stream:
            if not _locked(stream):
                raise Incomplete(f"{path}: another command is writing it; run this again when that has ended")
            if _is_called(stream, part):  # the other may have ended in between, and given it its name
                stream.truncate(0)
                yield stream
                return


def _locked(stream: BinaryIO) -> bool:
    """Where a file system knows no locks nobody is kept away."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _is_called(stream: BinaryIO, name: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), name.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _told(path: Path, written: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename == str(written):
            raise OSError(error.errno, error.strerror, str(path)) from None
        if error.filename or isinstance(error, BrokenPipeError):
            raise
        raise MailweirError(f"{path}: {error.strerror or error}; make room, then run this again") from None
