"""What a person browsing the object store wants to see of a message: sender, subject, day. Pure and forgiving."""

import re
from email.header import decode_header

_FIELD = re.compile(rb"^(Subject|From)[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)", re.IGNORECASE | re.MULTILINE)
_HEAD_OCTETS = 16_384
_KEPT = 200


def heading(head: bytes) -> dict[str, str]:
    """``subject`` and ``from`` of a raw message, decoded as far as they can be, at most 200 characters each."""
    block = re.split(rb"\r?\n\r?\n", head[:_HEAD_OCTETS], maxsplit=1)[0]
    found = {match.group(1).lower().decode(): _text(match.group(2)) for match in _FIELD.finditer(block)}
    return {name: text for name, text in found.items() if text}


def _text(raw: bytes) -> str:
    sent = " ".join(raw.decode("utf-8", "replace").split())
    try:
        decoded = "".join(_piece(value, charset) for value, charset in decode_header(sent))
    except (ValueError, LookupError):
        decoded = sent
    return "".join(character for character in decoded if character.isprintable())[:_KEPT].strip()


def _piece(value: bytes | str, charset: str | None) -> str:
    return value if isinstance(value, str) else value.decode(charset or "utf-8", "replace")
