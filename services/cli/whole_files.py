"""Files that commands write for other programs: whole, or not there under their name."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copymode
from typing import BinaryIO

from services.common.errors import MailweirError


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, called ``NAME.part`` until the block ends well: until then what had the name stays.

    What is there and is no file (a pipe, a device) is written directly. Raises OSError with its name where the path
    cannot be used, MailweirError where there is no room for all of it.
    """
    if path.exists() and not path.is_file():
        with _told(path, path), path.open("wb") as stream:
            yield stream
        return
    target = path.resolve()  # of a link, what it leads to
    part = target.with_name(f"{target.name}.part")
    try:
        with _told(path, part), part.open("wb") as stream:
            yield stream
        if target.exists():
            copymode(target, part)
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


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
