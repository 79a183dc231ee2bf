"""Compressed RTF (MS-OXRTFCP), in which Outlook keeps the body of a message."""

import struct

_HEAD = struct.Struct("<III4x")
_COMPRESSED, _PLAIN = 0x75465A4C, 0x414C454D
_KNOWN = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    + b"\r\n"
    + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_RING = 4096
LIMIT = 256 * 1024


def unpacked(data: bytes, limit: int = LIMIT) -> bytes | None:
    """The RTF, at most ``limit`` octets of it; what was read until a cut; None when it is something else."""
    if len(data) < _HEAD.size:
        return None
    _, size, kind = _HEAD.unpack_from(data)
    if kind == _PLAIN:
        return data[_HEAD.size : _HEAD.size + min(size, limit)]
    return _decompressed(data, min(size, limit)) if kind == _COMPRESSED else None


def _decompressed(data: bytes, size: int) -> bytes:
    """Section 2.2.3: bits tell letters from references into the last 4,096 octets; one to where we are ends it."""
    out = bytearray(_KNOWN)
    end = size + len(_KNOWN)
    position = _HEAD.size
    while position < len(data) and len(out) < end:
        control = data[position]
        position += 1
        for bit in range(8):
            if not control >> bit & 1:
                out += data[position : position + 1]
                position += 1
                continue
            offset, length = divmod(int.from_bytes(data[position : position + 2], "big"), 16)
            position += 2
            back = (len(out) - offset) % _RING
            if back == 0 or position > len(data):
                return bytes(out[len(_KNOWN) : end])
            _copy(out, back, length + 2)
    return bytes(out[len(_KNOWN) : end])


def _copy(out: bytearray, back: int, length: int) -> None:
    """``length`` octets from ``back`` octets before the end; they may overlap what they make."""
    start = len(out) - back
    if start < 0:
        out += bytes(length)
        return
    piece = out[start : start + length]
    out += (piece * (length // len(piece) + 1))[:length]
