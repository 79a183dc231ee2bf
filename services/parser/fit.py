"""Keep a parsed message below the size of a record (ADR 0008): the longest texts are cut first, and it is said."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from services.common.email import Defect, Email, EmailBodyPart, EmailBodyValue, EmailHeader

_ENCODER = msgspec.json.Encoder()
_TEXT_CUTS = (131_072, 16_384, 1_024)
_HEADERS_KEPT = 100
_PARTS_KEPT = 100
_PART_OCTETS = 2_000  # a part is told in bodyStructure, in a body list and in mailweir.parts


def fit(email: Email, limit: int) -> Email:
    """The same message, or one with less text (then headers, then parts) whose JSON has at most ``limit`` octets."""
    if _surely_fits(email, limit) or len(_ENCODER.encode(email)) <= limit:
        return email
    return next((short for short in _shorter(email) if len(_ENCODER.encode(short)) <= limit), _bare(email))


def _surely_fits(email: Email, limit: int) -> bool:
    """True when even the longest JSON form of every character is below the limit: no need to encode twice."""
    texts = sum(len(value.value) for value in email.body_values.values()) + len(email.mailweir.derived_text or "")
    headers = sum(len(header.value) + len(header.name) for header in email.headers)
    return (
        6 * (texts + 2 * headers) + _PART_OCTETS * len(email.mailweir.parts) + 8_192 < limit
        and not email.mailweir.children
    )


def _shorter(email: Email) -> Iterator[Email]:
    facts = email.mailweir
    for cut in _TEXT_CUTS:
        values = {part: _cut_value(value, cut) for part, value in email.body_values.items()}
        derived = facts.derived_text[:cut] if facts.derived_text else None
        said = replace(facts, derived_text=derived, children=(), defects=(*facts.defects, Defect("limit.event-size")))
        yield replace(email, body_values=values, mailweir=said)


def _cut_value(value: EmailBodyValue, cut: int) -> EmailBodyValue:
    return replace(value, value=value.value[:cut], is_truncated=True) if len(value.value) > cut else value


def _bare(email: Email) -> Email:
    """What is left of a message whose structure alone is larger than a record."""
    *_, short = _shorter(email)
    kept = dict(list(short.body_values.items())[:_PARTS_KEPT])
    facts = short.mailweir
    few = replace(facts, parts=dict(list(facts.parts.items())[:_PARTS_KEPT]), defects=facts.defects[-_PARTS_KEPT:])
    return replace(
        short,
        headers=tuple(_cut_header(header) for header in short.headers[:_HEADERS_KEPT]),
        body_structure=_cut_part(short.body_structure),
        body_values=kept,
        text_body=short.text_body[:_PARTS_KEPT],
        html_body=short.html_body[:_PARTS_KEPT],
        attachments=short.attachments[:_PARTS_KEPT],
        mailweir=few,
    )


def _cut_header(header: EmailHeader) -> EmailHeader:
    return replace(header, value=header.value[:1_024])


def _cut_part(root: EmailBodyPart) -> EmailBodyPart:
    children = (root.sub_parts or ())[:_PARTS_KEPT]
    return replace(root, sub_parts=tuple(replace(child, sub_parts=None) for child in children) or None)
