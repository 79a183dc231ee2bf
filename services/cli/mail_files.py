"""Messages in files: .eml, mbox, folders of them, standard input."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from services.parser import mbox

_STREAMED = 16 << 20
"""Octets above which a file is parsed where it lies instead of being held in memory."""
_SINGLE = frozenset({".eml", ".email", ".msg"})
_MAILBOX = frozenset({".mbox", ".mbx", ".mboxrd", ".mboxo"})


@dataclass(frozen=True, slots=True)
class Item:
    """One message: its octets, or the file to stream it from, or the reason why there is none."""

    label: str
    raw: bytes | None = None
    path: Path | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class FileSource:
    """Random access to a file (the parser's ``Source``)."""

    path: Path
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Octets of the file. Raises OSError."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


def expanded(names: Iterable[str]) -> list[str]:
    """The names with every folder replaced by all files below it, sorted; what does not exist stays as it is."""
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name != "-" and path.is_dir():
            found += sorted(str(file) for file in path.rglob("*") if file.is_file())
        else:
            found.append(name)
    return found


def items(name: str) -> Iterator[Item]:
    """The messages in one file, or in standard input for ``-``; an unreadable file is one item with an error."""
    try:
        if name == "-":
            yield from _from_stream(sys.stdin.buffer, "-")
            return
        path = Path(name)
        with path.open("rb") as file:
            if path.stat().st_size > _STREAMED and not _is_mailbox(path, file.peek(256)):
                yield Item(name, path=path)
                return
            yield from _from_stream(file, name)
    except OSError as error:
        yield Item(name, error=error.strerror or type(error).__name__)


def _from_stream(stream: BinaryIO, name: str) -> Iterator[Item]:
    first = stream.readline(64 * 1024)
    path = Path(name)
    if not _is_mailbox(path, first):
        yield Item(name, raw=first + stream.read())
        return
    found = mbox.messages(chain([first], stream))
    start = list(islice(found, 2))
    if len(start) == 1 and path.suffix.lower() not in _MAILBOX and stream.seekable():
        stream.seek(0)  # one message with a separator before it: its octets are those of the file
        yield Item(name, raw=stream.read())
        return
    for number, raw in enumerate(chain(start, found), 1):
        yield Item(f"{name}#{number}", raw=raw)


def _is_mailbox(path: Path, start: bytes) -> bool:
    return path.suffix.lower() not in _SINGLE and mbox.is_mbox(start)
