"""What the parser gives: the Email, and the files in it."""

from typing import Protocol

from msgspec import Struct

from services.common.email import Email


class Octets(Protocol):
    """The part of ``bytes`` that the scanner needs, so that a message may lie in memory or behind a ``Source``."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: slice, /) -> bytes: ...

    def find(self, sub: bytes, start: int, end: int, /) -> int:
        """As ``bytes.find``."""
        ...


class Source(Protocol):
    """Random access to the octets of a message that is not held in memory."""

    @property
    def size(self) -> int:
        """Octets of the whole message."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` octets from ``offset``, fewer only at the end."""
        ...


class File(Struct, frozen=True):
    """One attachment, or a file derived from one (TNEF, uuencode).

    ``data`` is None where the message was read from a ``Source``: the file is then what ``encoding`` makes of
    ``length`` raw octets from ``offset``.
    """

    part_id: str
    sha256: str
    size: int
    type: str
    name: str | None
    safe_name: str
    disposition: str | None
    data: bytes | None
    offset: int
    length: int
    encoding: str
    declared_type: str | None = None


class Parsed(Struct, frozen=True):
    """A parsed message and its files, in the order of ``email.attachments`` and then the media shown inline."""

    email: Email
    files: tuple[File, ...]
