"""Many small objects in one request: a tar that MinIO takes apart on arrival (its "snowball" extension of S3).

Written here (POSIX.1-2001, pax interchange format) and not by ``tarfile``: measured on mail of 30 kB, 0.15 ms of CPU
an object with it, 0.06 ms so, and copying the bytes alone takes 0.05 ms.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

from services.common.objects import NewObject

AUTO_EXTRACT = {"X-Amz-Meta-Snowball-Auto-Extract": "true"}
_BLOCK = 512
_USTAR = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_CHECKSUM = slice(148, 156)
_END = bytes(2 * _BLOCK)


def packed(news: Sequence[tuple[NewObject, Mapping[str, str]]]) -> BytesIO:
    """A tar of objects, each with the headers it would have in a request of its own; at its start."""
    return BytesIO(b"".join([*(piece for new, headers in news for piece in _member(new, headers)), _END]))


def _member(new: NewObject, headers: Mapping[str, str]) -> Iterator[bytes]:
    """An extended header with the whole name and the metadata, then the object itself."""
    described = {"path": new.key} | {f"minio.metadata.{name}": text for name, text in headers.items()}
    extended = b"".join(_record(f" {name}={text}\n".encode()) for name, text in described.items())
    yield _header(b"././@PaxHeader", len(extended), b"x")
    yield extended
    yield bytes(-len(extended) % _BLOCK)
    yield _header(new.key.encode()[:100], len(new.data), b"0")
    yield new.data
    yield bytes(-len(new.data) % _BLOCK)


def _record(rest: bytes) -> bytes:
    """``rest`` with its length before it, the digits of the length included."""
    length = len(rest) + 1
    while len(rest) + len(str(length)) > length:
        length += 1
    return str(length).encode() + rest


def _header(name: bytes, size: int, kind: bytes) -> bytes:
    numbers = (b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"00000000000\0", b" " * 8)
    block = bytearray(_USTAR.pack(name, *numbers, kind, b"", b"ustar\00000", b"", b"", b"", b"", b""))
    block[_CHECKSUM] = b"%06o\0 " % sum(block)
    return bytes(block)
