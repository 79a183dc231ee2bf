"""Delivery reports (RFC 3464) and feedback reports (RFC 5965): groups of fields inside a part."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.common.email import DeliveryReport, EmailHeader, FeedbackReport, RecipientStatus
from services.parser.mime import charsets

_FIELD = re.compile(r"[!-9;-~]+")
_MSGID = re.compile(r"<([^<>\s]+)>")
_UNSEEN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, *range(0xD800, 0xE000)])
LIMIT = 256 * 1024
"""Octets of a report that are read."""
MOST_RECIPIENTS = 1_000
_MOST_FIELDS = 200
_LONGEST = 1_000

DELIVERY = frozenset({"message/delivery-status", "message/global-delivery-status"})
FEEDBACK = frozenset({"message/feedback-report"})
RETURNED = frozenset({"text/rfc822-headers", "message/rfc822", "message/global", "message/global-headers"})


@dataclass(frozen=True, slots=True)
class Returned:
    """What the returned headers say of the original message: enough to find it."""

    message_id: str | None = None
    subject: str | None = None


def delivery(data: bytes, part: str, returned: Returned = Returned(), most: int = MOST_RECIPIENTS) -> DeliveryReport:
    """The report in the octets of a message/delivery-status part (RFC 3464 section 2); never raises, linear.

    ``returned`` is what ``returned_headers`` gave for the third part. The first group speaks for the message, each
    other one for a recipient; a single group with a recipient in it speaks for both. ``most`` bounds the recipients.
    """
    groups = _groups(data)
    head = groups[0] if groups else {}
    rest = groups if _names_recipient(head) else groups[1:]
    return DeliveryReport(
        part=part,
        reporting_mta=_untyped(head.get("reporting-mta")),
        original_message_id=returned.message_id or _message_id(head.get("x-original-message-id")),
        original_subject=returned.subject,
        recipients=tuple([_recipient(group) for group in rest if _names_recipient(group)][:most]),
    )


def feedback(data: bytes, part: str, returned: Returned = Returned()) -> FeedbackReport:
    """The report in the octets of a message/feedback-report part (RFC 5965 section 3); never raises, linear."""
    fields = _fields(_text(data))[:_MOST_FIELDS]
    first = _first(fields)
    return FeedbackReport(
        part=part,
        feedback_type=_cut(first.get("feedback-type")),
        user_agent=_cut(first.get("user-agent")),
        original_message_id=returned.message_id,
        fields=tuple(EmailHeader(name, value[:_LONGEST]) for name, value in fields),
    )


def returned_headers(data: bytes) -> Returned:
    """Message-ID without brackets and the subject as sent, from a text/rfc822-headers part or a returned message."""
    text = _text(data).lstrip("\n")
    block = text[: text.find("\n\n")] if "\n\n" in text else text
    first = _first(_fields(block))
    return Returned(_message_id(first.get("message-id")), _cut(first.get("subject")))


def _text(data: bytes) -> str:
    text = charsets.decode(data[:LIMIT]).value.replace("\r\n", "\n").replace("\r", "\n")
    return text.translate(_UNSEEN)


def _groups(data: bytes) -> list[Mapping[str, str]]:
    blocks = re.split(r"\n[ \t]*\n", _text(data).strip("\n"))
    return [first for first in (_first(_fields(block)) for block in blocks) if first]


def _fields(block: str) -> list[tuple[str, str]]:
    """Unfolded fields; a line that is none is passed over (RFC 5322 section 2.2.3)."""
    found: list[tuple[str, list[str]]] = []
    for line in block.split("\n"):
        if line[:1] in {" ", "\t"} and found:
            found[-1][1].append(line.strip())
            continue
        name, colon, value = line.partition(":")
        if colon and _FIELD.fullmatch(name.rstrip()):
            found.append((name.rstrip(), [value.strip()]))
    return [(name, " ".join(filter(None, lines))) for name, lines in found]


def _first(fields: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in reversed(fields)}


def _names_recipient(group: Mapping[str, str]) -> bool:
    return "final-recipient" in group or "original-recipient" in group or "action" in group


def _recipient(group: Mapping[str, str]) -> RecipientStatus:
    return RecipientStatus(
        final_recipient=_mailbox(group.get("final-recipient")),
        original_recipient=_mailbox(group.get("original-recipient")),
        action=(_cut(group.get("action")) or "").lower().split(" ")[0] or None,
        status=(_cut(group.get("status")) or "").split(" ")[0] or None,
        diagnostic=_untyped(group.get("diagnostic-code")),
    )


def _untyped(value: str | None) -> str | None:
    """The value without its address-, MTA- or diagnostic-type (``rfc822;``, ``dns;``, ``smtp;``)."""
    if value is None:
        return None
    kind, semicolon, rest = value.partition(";")
    return _cut(rest if semicolon and " " not in kind.strip() else value)


def _mailbox(value: str | None) -> str | None:
    """An address with its type and, as some servers send it, in angle brackets."""
    text = _untyped(value)
    return _cut(text[1:-1]) if text and text[0] == "<" and text[-1] == ">" else text


def _cut(value: str | None) -> str | None:
    return (value or "").strip()[:_LONGEST] or None


def _message_id(value: str | None) -> str | None:
    """The id in angle brackets, or the whole value when there are none."""
    if value is None:
        return None
    found = _MSGID.search(value)
    return _cut(found[1] if found else value)
