"""Messages in files: .eml, mbox, gzip of either, folders of them, standard input."""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from services.cli.terminal import standard_input
from services.parser import mbox

_STREAMED = 16 << 20
"""Octets above which a file is parsed where it lies instead of being held in memory."""
_UNPACKED = 4 << 30
_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b\x08"
_EMPTY_LINES = 100
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
    """The names with every folder replaced by all files below it, sorted; what does not exist stays as it is.

    Links to folders are not followed. What cannot be read, a folder or a link to nothing, stays, so that it is told.
    """
    found: list[str] = []
    for name in names:
        found += sorted(_below(name)) if name != "-" and Path(name).is_dir() else [name]
    return found


def _below(folder: str) -> list[str]:
    unread: list[str] = []
    found: list[str] = []
    for base, _, names in os.walk(folder, onerror=lambda error: unread.append(str(error.filename))):
        paths = (Path(base, name) for name in names)
        found += [str(path) for path in paths if path.is_file() or not path.exists()]
    return found + unread


def items(name: str) -> Iterator[Item]:
    """The messages in one file, or in standard input for ``-``; an unreadable file is one item with an error."""
    try:
        if name == "-":
            yield from _from_stream(standard_input(), "-")
            return
        path = Path(name)
        with path.open("rb") as file:
            start = file.peek(256)
            if start.startswith(_GZIP):
                yield from _unpacked(file, name)
            elif path.stat().st_size > _STREAMED and not _is_mailbox(path, start):
                yield Item(name, path=path)
            else:
                yield from _from_stream(file, name)
    except (OSError, EOFError, zlib.error) as error:
        yield Item(name, error=getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _unpacked(file: BinaryIO, name: str) -> Iterator[Item]:
    """The messages in a gzip file, unpacked into a temporary file so that none of them needs much memory."""
    with TemporaryFile() as plain, gzip.open(file) as packed:
        copied = 0
        while block := packed.read(_BLOCK):
            copied += len(block)
            if copied > _UNPACKED:
                yield Item(name, error=f"more than {_UNPACKED >> 30} GiB when unpacked; unpack it yourself")
                return
            plain.write(block)
        plain.seek(0)
        yield from _from_stream(plain, name.removesuffix(".gz"))


def _from_stream(stream: BinaryIO, name: str) -> Iterator[Item]:
    first = _beginning(stream)
    path = Path(name)
    if not _is_mailbox(path, b"".join(first)):
        yield Item(name, raw=b"".join([*first, stream.read()]))
        return
    found = mbox.messages(chain(first, stream))
    start = list(islice(found, 2))
    if len(start) == 1 and path.suffix.lower() not in _MAILBOX and stream.seekable():
        stream.seek(0)  # one message with a separator before it: its octets are those of the file
        yield Item(name, raw=stream.read())
        return
    for number, raw in enumerate(chain(start, found), 1):
        yield Item(f"{name}#{number}", raw=raw)


def _beginning(stream: BinaryIO) -> list[bytes]:
    """The first lines, up to one that is not empty; no more than a few."""
    lines: list[bytes] = []
    while len(lines) < _EMPTY_LINES and not b"".join(lines).strip() and (line := stream.readline(64 * 1024)):
        lines.append(line)
    return lines


def _is_mailbox(path: Path, start: bytes) -> bool:
    return path.suffix.lower() not in _SINGLE and mbox.is_mbox(start)
