"""Large literals in files, while they are on their way to the object store.

No room for them is no fault of a message or a server: it is waited for (``Unavailable``), and nothing is quarantined.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from services.common.errors import Unavailable
from services.common.own_folder import OwnFolder, remove_abandoned
from services.poller.imap.model import Spooled


class SpoolFile:
    """A literal on its way into a file below ``folder`` or the system's temporary one, hashed as it comes.

    Every method but ``discard`` raises ``Unavailable``.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        with self._world():
            parent = folder or Path(tempfile.gettempdir())
            handle, name = tempfile.mkstemp(suffix=".literal", dir=_own(parent).path())
        self._file = os.fdopen(handle, "wb")
        self._path = Path(name)
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        with self._world():
            self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def finish(self) -> Spooled:
        """Close; the file belongs to the receiver now."""
        with self._world():
            self._file.close()
        return Spooled(self._path, self._size, self._hash.hexdigest())

    def discard(self) -> None:
        """Close and remove."""
        with suppress(OSError):  # closing writes what is left to write
            self._file.close()
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _world(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = self._folder or tempfile.tempdir or "any temporary folder"
            setting = "MAILWEIR_POLLER_SPOOL" if self._folder else "TMPDIR"
            reason = f"no room for a large message in {where}: {error.strerror}"
            raise Unavailable(f"{reason}; free space there or name another folder in {setting}") from error


@cache
def _own(parent: Path) -> OwnFolder:
    """One folder for all connections of this process."""
    return OwnFolder(parent)


def remove_left(folder: Path | None) -> None:
    """Remove what processes that are no more left below ``folder`` or the system's temporary one."""
    remove_abandoned(folder or Path(tempfile.gettempdir()))


@contextmanager
def taken(body: Spooled) -> Iterator[BinaryIO]:
    """The file of a literal for reading; afterwards it is gone. Raises ``Unavailable``."""
    try:
        with _opened(body) as file:
            yield file
    finally:
        body.path.unlink(missing_ok=True)


def _opened(body: Spooled) -> BinaryIO:
    try:
        return body.path.open("rb")
    except OSError as error:
        raise Unavailable(f"{body.path} cannot be read: {error.strerror}; its message is fetched again") from error


def discard(parts: Iterable[object]) -> None:
    """Remove the files of a response that nobody will read."""
    for part in parts:
        if isinstance(part, Spooled):
            part.path.unlink(missing_ok=True)
