"""The properties of the Email object that come from header fields (RFC 8621 sections 4.1.2 and 4.1.3)."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from services.common.email import Defect, EmailAddress
from services.parser.mime import addresses, dates, fields, msgids, words
from services.parser.mime.fields import Header
from services.parser.mime.limits import Limits

Addresses = tuple[EmailAddress, ...] | None
Ids = tuple[str, ...] | None
_ADDRESSES: Final = ("sender", "from", "to", "cc", "bcc", "reply-to")
_RECIPIENTS: Final = frozenset({"to", "cc", "bcc"})


class Envelope(Struct, frozen=True):
    """Who wrote what to whom, and when."""

    message_id: Ids
    in_reply_to: Ids
    references: Ids
    subject: str | None
    sent_at: str | None
    sent_at_raw: str | None
    received: datetime | None
    sender: Addresses
    from_: Addresses
    to: Addresses
    cc: Addresses
    bcc: Addresses
    reply_to: Addresses


def envelope(header: Header, hint: str | None, limits: Limits, defects: list[Defect]) -> Envelope:
    """The properties of one header; ``hint`` is the charset of raw 8-bit octets in it."""
    first = header.first
    raw_date = first.get("date")
    date = None if raw_date is None else dates.parse(raw_date)
    if raw_date is not None and date is None:
        defects.append(Defect("date.unusable"))
    received = first.get("received")
    newest = None if received is None else dates.received(received)
    if header.repeated:
        _flag_repeats(header, defects)
    listed = {key: _addresses(header, key, hint, limits, defects) for key in _ADDRESSES if key in first}.get
    references, in_reply_to = _thread(header, limits, defects)
    return Envelope(
        _message_id(first.get("message-id")),
        in_reply_to,
        references,
        fields.text(header, "subject", hint),
        date,
        None if raw_date is None else words.line(fields.readable(raw_date, header.codec, hint)),
        newest,
        listed("sender"),
        listed("from"),
        listed("to"),
        listed("cc"),
        listed("bcc"),
        listed("reply-to"),
    )


def _flag_repeats(header: Header, defects: list[Defect]) -> None:
    keys = ("message-id", "from", "subject", "date")
    defects.extend(Defect(f"header.repeated-{key}") for key in keys if key in header.repeated)


def _addresses(
    header: Header, key: str, hint: str | None, limits: Limits, defects: list[Defect]
) -> tuple[EmailAddress, ...]:
    """The list of a field; repeated recipient fields are one list, of the other fields the first counts."""
    raw = header.first[key]
    if key in header.repeated and key in _RECIPIENTS:
        raw = ",".join(header.all(key))
    if len(raw) > limits.field:
        defects.append(Defect("limit.field"))
        raw = raw[: limits.field]
    found = addresses.parse(fields.readable(raw, header.codec, hint), limits.addresses)
    if len(found) == limits.addresses:
        defects.append(Defect("limit.addresses"))
    return found


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
    if raw is None:
        return None
    found = msgids.parse(raw[: limits.field], limits.references)
    if len(found) == limits.references:
        defects.append(Defect("limit.references"))
    return found or None
