"""What an object says of itself: where its message is, and what a person browsing wants to see. Pure and forgiving."""

import binascii
import re
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from services.common.message.charset_labels import BARE, bare
from services.common.message.day import header_block, message_day
from services.common.objects import message_key
from services.common.place import Place

RAW_TYPE = "message/rfc822"

_FIELD = re.compile(rb"\n(Subject|From)[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)", re.IGNORECASE)
_KEPT = 200
_WORD = rb"=\?([^?]*)\?([bq])\?(.{0,2000}?)\?="
_WORDS = re.compile(rb"%b(?:\s*%b)*" % (_WORD, _WORD), re.IGNORECASE | re.DOTALL)
_EACH = re.compile(_WORD, re.IGNORECASE | re.DOTALL)


def raw_object(place: Place, internaldate: datetime | None, sha256: str, head: bytes) -> tuple[str, dict[str, str]]:
    """Key and metadata of a raw message, the same whoever files it; ``head``: its first octets, 64 kB do.

    Raises ContractViolated for an account that is no path segment.
    """
    block = header_block(head)
    key = message_key(place.account, message_day(block), sha256)
    return key, {**where(place, internaldate), **heading(block)}


def where(place: Place, internaldate: datetime | None) -> dict[str, str]:
    """From these a row can be made again: place, decoded folder name, INTERNALDATE."""
    when = {"internaldate": internaldate.isoformat()} if internaldate else {}
    return {"place": place.subject, "folder": place.folder, **when}


def heading(block: bytes) -> dict[str, str]:
    """``subject`` and ``from`` of a header block, decoded as far as they can be, at most 200 characters each."""
    fields = _FIELD.findall(block)
    found = {name.lower().decode(): _text(value) for name, value in fields}
    return {name: text for name, text in found.items() if text}


def _text(raw: bytes) -> str:
    try:
        decoded = _WORDS.sub(_run, raw)
    except (ValueError, LookupError):
        decoded = raw
    text = " ".join(decoded.decode("utf-8", "replace").split())
    shown = text if text.isprintable() else "".join(filter(str.isprintable, text))
    return shown[:_KEPT].strip()


def _run(found: re.Match[bytes]) -> bytes:
    """Encoded words (RFC 2047) that stand together, as UTF-8; a character may begin in one and end in the next.

    Raises ``ValueError`` or ``LookupError`` for what cannot be decoded.
    """
    words = [(_codec(label), _octets(encoding, text)) for label, encoding, text in _EACH.findall(found[0])]
    return b"".join(
        b"".join(octets for _, octets in group).decode(codec, "replace").encode()
        for codec, group in groupby(words, key=itemgetter(0))
    )


def _codec(label: bytes) -> str:
    """The codec for what senders call so, ``gb18030`` for ``gb2312``; a language (RFC 2231 section 5) is dropped."""
    name = label.partition(b"*")[0].decode().lower()
    return BARE.get(bare(name)) or name or "utf-8"


def _octets(encoding: bytes, text: bytes) -> bytes:
    return binascii.a2b_base64(text + b"===") if encoding in b"Bb" else binascii.a2b_qp(text, header=True)
