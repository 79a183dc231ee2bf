"""The properties of the Email object that come from header fields (RFC 8621 sections 4.1.2 and 4.1.3)."""

from typing import Final

from services.common.email import Defect, EmailAddress
from services.parser.mime import addresses, dates, fields, msgids, words
from services.parser.mime.fields import Header
from services.parser.mime.limits import Limits

Ids = tuple[str, ...] | None
_RECIPIENTS: Final = frozenset({"to", "cc", "bcc"})


class Envelope:
    """Who wrote what to whom, and when, by the fields of one header."""

    def __init__(self, header: Header, hint: str | None, limits: Limits, defects: list[Defect]) -> None:
        """``hint`` is the charset of raw 8-bit octets in the header."""
        first = header.first
        date, received = first.get("date"), first.get("received")
        date = None if date is None else fields.readable(date, header.codec, hint)
        self.sent_at = None if date is None else dates.parse(date)
        self.sent_at_raw = None if date is None else words.line(date)
        if date is not None and self.sent_at is None:
            defects.append(Defect("date.unusable"))
        self.received = None if received is None else dates.received(received)
        if header.repeated:
            _flag_repeats(header, defects)
        self.sender = _addresses(header, "sender", hint, limits, defects)
        self.from_ = _addresses(header, "from", hint, limits, defects)
        self.to = _addresses(header, "to", hint, limits, defects)
        self.cc = _addresses(header, "cc", hint, limits, defects)
        self.bcc = _addresses(header, "bcc", hint, limits, defects)
        self.reply_to = _addresses(header, "reply-to", hint, limits, defects)
        self.references, self.in_reply_to = _thread(header, limits, defects)
        self.message_id = _message_id(first.get("message-id"))
        self.subject = fields.text(header, "subject", hint)


def _flag_repeats(header: Header, defects: list[Defect]) -> None:
    keys = ("message-id", "from", "subject", "date")
    defects.extend(Defect(f"header.repeated-{key}") for key in keys if key in header.repeated)


def _addresses(
    header: Header, key: str, hint: str | None, limits: Limits, defects: list[Defect]
) -> tuple[EmailAddress, ...] | None:
    """The list of a field; repeated recipient fields are one list, of the other fields the first counts."""
    raw = header.first.get(key)
    if raw is None:
        return None
    if key in header.repeated and key in _RECIPIENTS:
        raw = ",".join(header.all(key))
    if len(raw) > limits.field:
        defects.append(Defect("limit.field"))
        raw = raw[: limits.field]
    found = addresses.parse(fields.readable(raw, header.codec, hint), limits.addresses + 1)
    if len(found) > limits.addresses:
        defects.append(Defect("limit.addresses"))
    return found[: limits.addresses]


def _message_id(raw: str | None) -> Ids:
    found = msgids.first(raw) if raw else None
    return (found,) if found else None


def _thread(header: Header, limits: Limits, defects: list[Defect]) -> tuple[Ids, Ids]:
    """References and In-Reply-To; the second stands in for the first when that is empty."""
    raw_references, raw_parent = header.first.get("references"), header.first.get("in-reply-to")
    if raw_references is None and raw_parent is None:
        return None, None
    references = _ids(raw_references, limits, defects)
    parent = _ids(raw_parent, limits, defects)
    return references or parent, parent


def _ids(raw: str | None, limits: Limits, defects: list[Defect]) -> Ids:
    """Of too many the first one and the last ones: the root of a thread and the nearest ancestors."""
    if raw is None:
        return None
    if len(raw) > limits.field:
        defects.append(Defect("limit.field"))
        raw = msgids.without_middle(raw, limits.field)
    found = msgids.parse(raw)
    if len(found) > limits.references:
        defects.append(Defect("limit.references"))
        found = (found[0], *found[len(found) - limits.references + 1 :])
    return found or None
