"""Folder names for display (the wire name stays the address): modified UTF-7 (RFC 3501 section 5.1.3), UTF-8, GBK."""

import base64
import binascii
import re

from services.poller.imap.text import decode

INBOX = b"INBOX"
_SHIFTED = re.compile(r"&([^-]*)-")


def address(wire: bytes) -> bytes:
    """The raw name by which a folder is told from others: INBOX is the same in any case (RFC 9051 section 5.1)."""
    return INBOX if wire.upper() == INBOX else wire


def display_name(wire: bytes) -> str:
    """Readable form of a raw name; INBOX in any case is "INBOX"; what cannot be decoded is kept as it stands."""
    if address(wire) == INBOX:
        return "INBOX"
    if not wire.isascii():
        return decode(wire)
    try:
        return decode_utf7(wire.decode("ascii"))
    except ValueError:
        return wire.decode("ascii")


def decode_utf7(text: str) -> str:
    """Modified UTF-7 to text. Raises ValueError when it is not well-formed or not what an encoder would write."""
    decoded = _SHIFTED.sub(lambda match: _unshift(match[1]), text)
    if "&" in _SHIFTED.sub("", text) or "\0" in decoded or encode_utf7(decoded) != text:
        raise ValueError("not modified UTF-7")
    return decoded


def _unshift(piece: str) -> str:
    if not piece:
        return "&"
    try:
        padded = piece.replace(",", "/") + "=" * (-len(piece) % 4)
        return base64.b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not modified UTF-7") from error


def encode_utf7(text: str) -> str:
    """Text to modified UTF-7. Raises ValueError on lone surrogates."""
    pieces = re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", text)
    return "".join(p.replace("&", "&-") if p.isascii() and p.isprintable() else _shift(p) for p in pieces)


def _shift(piece: str) -> str:
    encoded = base64.b64encode(piece.encode("utf-16-be")).decode("ascii")
    return "&" + encoded.rstrip("=").replace("/", ",") + "-"
