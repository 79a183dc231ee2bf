"""The content of opaque signed data (RFC 5652 section 5, RFC 8551 section 3.5.2). Nothing is verified or decrypted."""

from services.parser.mime.content import UNTYPED
from services.parser.mime.derived import Derived

TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")
_SEQUENCE, _EXPLICIT, _OCTETS, _PIECES = 0x30, 0xA0, 0x04, 0x24
_MOST_PIECES = 100_000


class _Damaged(Exception):
    pass


def is_message(media_type: str, name: str | None) -> bool:
    """True by type, or by the usual name of a part that lost its type (RFC 8551 section 3.9).

    Other names that end in .p7m are signed documents, which people send as files.
    """
    return media_type in TYPES or (media_type in UNTYPED and (name or "").lower() == "smime.p7m")


def signed_content(data: bytes) -> Derived | None:
    """The MIME entity that was signed, as a file; None where there is none or the octets are no signed data.

    Reads definite and indefinite lengths (BER), whole octet strings and those in pieces. Never raises; linear.
    """
    try:
        position, _ = _entered(data, 0, _SEQUENCE)
        position, _ = _entered(data, _after(data, position, _SIGNED), _EXPLICIT)
        position, _ = _entered(data, position, _SEQUENCE)
        position = _skipped(data, _skipped(data, position))
        position, _ = _entered(data, position, _SEQUENCE)
        position, _ = _entered(data, _after(data, position, _DATA), _EXPLICIT)
        content = _octets(data, position)
    except (_Damaged, IndexError):
        return None
    return Derived(None, "message/rfc822", content, position, len(content))


def _entered(data: bytes, position: int, tag: int) -> tuple[int, int | None]:
    """Where the content of the element starts and its length, None when that is indefinite."""
    if data[position] != tag:
        raise _Damaged
    first = data[position + 1]
    position += 2
    if first == 0x80:
        return position, None
    if first < 0x80:
        return position, first
    size = first & 0x7F
    if size > 8:
        raise _Damaged
    return position + size, int.from_bytes(data[position : position + size], "big")


def _skipped(data: bytes, position: int) -> int:
    start, length = _entered(data, position, data[position])
    if length is None:
        raise _Damaged
    return start + length


def _after(data: bytes, position: int, octets: bytes) -> int:
    if data[position : position + len(octets)] != octets:
        raise _Damaged
    return position + len(octets)


def _octets(data: bytes, position: int) -> bytes:
    """An octet string, or the pieces of a constructed one until its end."""
    if data[position] == _OCTETS:
        return _piece(data, position)[0]
    position, length = _entered(data, position, _PIECES)
    end = len(data) if length is None else min(position + length, len(data))
    pieces: list[bytes] = []
    while position < end and data[position] == _OCTETS and len(pieces) < _MOST_PIECES:
        piece, position = _piece(data, position)
        pieces.append(piece)
    return b"".join(pieces)


def _piece(data: bytes, position: int) -> tuple[bytes, int]:
    start, length = _entered(data, position, _OCTETS)
    if length is None or start + length > len(data):
        raise _Damaged
    return data[start : start + length], start + length
