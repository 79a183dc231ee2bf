"""Keep a parsed message below the size of a record (ADR 0008): the longest texts are cut first, and it is said."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec.structs import replace

from services.common.email import Defect, Email, EmailBodyPart, EmailBodyValue, EmailHeader, PartFacts

_ENCODER = msgspec.json.Encoder()
_TEXT_CUTS = (131_072, 16_384, 1_024)
_BARE_CUTS = ((16_384, 800), (1_024, 800), (1_024, 400), (1_024, 200), (1_024, 100))
"""Characters of each text and number of files that stay."""
_LAST_CUTS = ((1_000, 4_096), (100, 1_024), (10, 256), (1, 128))
"""Entries of each list and characters of each text that stay where nothing else helped."""
_HEADERS_KEPT = 100
_DEFECTS_KEPT = 100
_PART_OCTETS = 2_000  # a part is told in bodyStructure, in a body list and in mailweir.parts
_ADDRESS_OCTETS = 1_200  # with the name of its group, of 256 characters
_HEADER_OCTETS = 30
_DEFECT_OCTETS = 100
_FEW = 100
_ESCAPED = 6  # octets of JSON that a character takes at most
_TOLD_OF_A_HEADER = 3
"""How often a header field may be told: as sent, and as two properties (``references`` and ``inReplyTo``)."""
_TOLD_OF_A_PART = 6


def fit(email: Email, limit: int) -> Email:
    """The same message, or one with less text, then fewer headers, parts and entries of lists.

    Its JSON has at most ``limit`` octets; only a limit that hardly any message keeps may be passed.
    """
    if _surely_fits(email, limit) or len(_ENCODER.encode(email)) <= limit:
        return email
    short = email
    for short in _shorter(email):
        if len(_ENCODER.encode(short)) <= limit:
            break
    return short


def _surely_fits(email: Email, limit: int) -> bool:
    """True when even the longest JSON form of every character is below the limit: no need to encode twice."""
    facts = email.mailweir
    lists = (email.from_, email.to, email.cc, email.bcc, email.reply_to, email.sender)
    if facts.children or facts.calendars or facts.delivery_reports or facts.feedback_reports:
        return False
    addresses = sum([len(addresses) for addresses in lists if addresses])
    parts = [*islice(_parts(email.body_structure), _FEW + 1), *islice(email.attachments, _FEW + 1)]
    if addresses > _FEW or len(parts) > _FEW:
        return False
    texts = sum([len(value.value) for value in email.body_values.values()]) + len(facts.derived_text or "")
    headers = sum([len(header.value) + len(header.name) for header in email.headers])
    told = sum([_letters(part) for part in parts])
    declared = sum([len(part.declared_type or "") for part in facts.parts.values()])
    protocols = sum([len(part.protocol or "") for part in facts.secured])
    characters = texts + _TOLD_OF_A_HEADER * headers + _TOLD_OF_A_PART * told + declared + protocols
    frame = _PART_OCTETS * len(parts) + _ADDRESS_OCTETS * addresses + _HEADER_OCTETS * len(email.headers)
    return _ESCAPED * characters + frame + _DEFECT_OCTETS * len(facts.defects) + 65_536 < limit


def _parts(root: EmailBodyPart) -> Iterator[EmailBodyPart]:
    """The part and all inside it, those that are multiparts too."""
    stack = [root]
    while stack:
        part = stack.pop()
        yield part
        stack += part.sub_parts or ()


def _letters(part: EmailBodyPart) -> int:
    """Characters that a sender chose freely."""
    said = (part.name, part.cid, part.location, part.charset, part.disposition, *(part.language or ()))
    return len(part.type) + sum([len(text) for text in said if text])


def _shorter(email: Email) -> Iterator[Email]:
    for cut in _TEXT_CUTS:
        yield _with_short_texts(email, cut)
    for cut, most in _BARE_CUTS:
        yield _bare(email, cut, most)
    for most, letters in _LAST_CUTS:
        bare = _bare(email, 4 * letters, 100)
        short = _within(bare, most, letters)
        facts = replace(short.mailweir, place=bare.mailweir.place, defects=bare.mailweir.defects[-most:])
        yield replace(short, mailweir=facts)


def _with_short_texts(email: Email, cut: int) -> Email:
    facts = email.mailweir
    values = {part: _cut_value(value, cut) for part, value in email.body_values.items()}
    derived = facts.derived_text[:cut] if facts.derived_text else None
    said = replace(facts, derived_text=derived, children=(), defects=(*facts.defects, Defect("limit.event-size")))
    return replace(email, body_values=values, mailweir=said)


def _cut_value(value: EmailBodyValue, cut: int) -> EmailBodyValue:
    return replace(value, value=value.value[:cut], is_truncated=True) if len(value.value) > cut else value


def _bare(email: Email, cut: int, most: int) -> Email:
    """What is left of a message whose structure alone is larger than a record."""
    short = _with_short_texts(email, cut)
    kept = replace(
        short,
        headers=tuple(_cut_header(header) for header in short.headers[:_HEADERS_KEPT]),
        body_structure=_cut_part(short.body_structure, most),
        body_values=dict(islice(short.body_values.items(), most)),
        text_body=short.text_body[:most],
        html_body=short.html_body[:most],
        attachments=short.attachments[:most],
    )
    facts = kept.mailweir
    few = replace(facts, parts=dict(islice(_told(email, kept), 3 * most)), defects=facts.defects[-_DEFECTS_KEPT:])
    return replace(kept, mailweir=few)


def _told(email: Email, kept: Email) -> Iterator[tuple[str, PartFacts]]:
    """What is known of parts, of files that are kept first and of files that are not nothing.

    Without it nobody knows the name under which a file is in the store, and with it a repair looks for its row.
    """
    facts = email.mailweir.parts
    first = dict.fromkeys(_listed(kept))
    gone = set(_listed(email)) - set(first)
    return ((part, facts[part]) for part in dict.fromkeys((*first, *facts)) if part in facts and part not in gone)


def _listed(email: Email) -> Iterator[str]:
    return (part.part_id or "" for part in (*email.attachments, *email.html_body, *email.text_body))


def _cut_header(header: EmailHeader) -> EmailHeader:
    return replace(header, value=header.value[:1_024])


def _cut_part(root: EmailBodyPart, most: int) -> EmailBodyPart:
    children = (root.sub_parts or ())[:most]
    return replace(root, sub_parts=tuple(replace(child, sub_parts=None) for child in children) or None)


def _within(value: Any, most: int, letters: int) -> Any:
    """The first ``most`` entries of every list in ``value``, and the first ``letters`` characters of every text."""
    if isinstance(value, str):
        return value[:letters]
    if isinstance(value, tuple):
        return tuple(_within(item, most, letters) for item in value[:most])
    if isinstance(value, dict):
        return {key: _within(item, most, letters) for key, item in islice(value.items(), most)}
    if isinstance(value, EmailBodyValue):
        return _cut_value(value, 4 * letters)
    if isinstance(value, msgspec.Struct):
        return replace(
            value, **{name: _within(getattr(value, name), most, letters) for name in value.__struct_fields__}
        )
    return value
