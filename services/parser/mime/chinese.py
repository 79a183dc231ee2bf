"""Chinese charsets of seven bits: ISO-2022-CN (RFC 1922), which Python lacks, and HZ (RFC 1843) as mail has it."""

import re

_SHIFTS = re.compile(rb"(\x1b\$[)*+].|\x0e|\x0f|\x1b[NO]|[\r\n]+)", re.DOTALL)
_GB = frozenset({b"\x1b$)A", b"\x1b$)E"})
_OUT, _IN = b"\x0e", b"\x0f"
_HIGH = bytes(octet | 0x80 for octet in range(256))
_MOST_SHIFTS = 100_000


def iso_2022(data: bytes) -> str | None:
    """The text of ISO-2022-CN octets; None when they are damaged or hold CNS 11643, for which there is no table."""
    if data.count(_OUT) + data.count(b"\x1b") > _MOST_SHIFTS:
        return None
    out: list[bytes] = []
    shifted = designated = False
    for number, piece in enumerate(_SHIFTS.split(data)):
        if number % 2 == 0:
            out.append(piece.translate(_HIGH) if shifted else piece)
        elif piece in {_OUT, _IN}:
            shifted = piece == _OUT
        elif piece[:1] == b"\x1b":
            designated = piece in _GB
        else:
            shifted = False
            out.append(piece)
        if shifted and not designated:
            return None
    return _decoded(b"".join(out), "gb18030")


def hz(data: bytes) -> str | None:
    """The text of HZ octets; a tilde at the end of a line continues it."""
    return _decoded(data.replace(b"~\r\n", b""), "hz")


def _decoded(octets: bytes, name: str) -> str | None:
    try:
        return octets.decode(name)
    except UnicodeDecodeError:
        return None
