"""What a person browsing the object store wants to see of a message: sender, subject, day. Pure and forgiving."""

import re
from email.header import decode_header

from services.common.message_day import header_block

_FIELD = re.compile(rb"\n(Subject|From)[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)", re.IGNORECASE)
_HEAD_OCTETS = 16_384
_KEPT = 200


def heading(head: bytes) -> dict[str, str]:
    """``subject`` and ``from`` of a raw message, decoded as far as they can be, at most 200 characters each."""
    fields = _FIELD.findall(header_block(head[:_HEAD_OCTETS]))
    found = {name.lower().decode(): _text(value) for name, value in fields}
    return {name: text for name, text in found.items() if text}


def _text(raw: bytes) -> str:
    sent = " ".join(raw.decode("utf-8", "replace").split())
    try:
        decoded = "".join(_piece(value, charset) for value, charset in decode_header(sent))
    except (ValueError, LookupError):
        decoded = sent
    shown = decoded if decoded.isprintable() else "".join(filter(str.isprintable, decoded))
    return shown[:_KEPT].strip()


def _piece(value: bytes | str, charset: str | None) -> str:
    return value if isinstance(value, str) else value.decode(charset or "utf-8", "replace")
