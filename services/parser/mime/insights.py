"""What stands inside parts: files in texts and TNEF, invitations, reports, nested messages, text of HTML."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Final

import msgspec

from services.common.email import CalendarDigest, ChildMessage, Defect, DeliveryReport, Email, FeedbackReport
from services.parser.mime import calendars, charsets, embedded, htmltext, pkcs7, reports, tnef, words
from services.parser.mime.content import UNTYPED
from services.parser.mime.derived import Derived
from services.parser.mime.leaves import Leaf, Load
from services.parser.mime.limits import Limits
from services.parser.mime.parts import Leaves, Texts
from services.parser.mime.tree import Part

_MESSAGES: Final = frozenset({"message/rfc822", "message/global"})
_LOOKED_INTO: Final = (
    _MESSAGES
    | reports.DELIVERY
    | reports.FEEDBACK
    | reports.RETURNED
    | calendars.TYPES
    | tnef.TYPES
    | embedded.TYPES
    | pkcs7.TYPES
)
_MEDIA: Final = frozenset({"image", "audio", "video", "font"})
_MOST_TEXT: Final = 2 << 20

Nested = Callable[[bytes, Limits], Email]


class Insights:
    """Everything found, in order of the parts."""

    def __init__(self) -> None:
        self.files: list[tuple[str, Part, Derived, str]] = []
        self.invitations: list[calendars.Calendar] = []
        self.delivery: list[DeliveryReport] = []
        self.feedback: list[FeedbackReport] = []
        self.children: list[ChildMessage] = []
        self.nested = 0
        """Octets of the children, which share one bound for the HTML that text is derived from."""
        self.text: str | None = None
        """Text from TNEF or from signed data."""
        self.invited = 0
        """Characters of invitations that were read, here and in the children."""
        self.unpacked = 0
        """Octets of RTF that were read."""
        self.signed: list[str] = []
        """Paths of the parts that hold signed data in one piece with its signature."""
        self.returned: reports.Returned | None = None
        """The message that the reports are about, once it was looked for."""

    def digests(self) -> tuple[CalendarDigest, ...]:
        """Invitations, one per UID."""
        return calendars.merged(self.invitations) if self.invitations else ()


def loaded(load: Load, part: Part, limits: Limits, defects: list[Defect], *, shown: bool) -> Leaf:
    """A leaf with as many of its octets as someone will look at: those of a picture or an archive need not be kept."""
    content = part.content
    if shown or content.type in _LOOKED_INTO or _by_name(content.name):
        return load(part, limits.derived, defects)
    leaf = load(part, len(tnef.SIGNATURE), defects)
    return load(part, limits.derived, []) if leaf.data is None and leaf.head == tnef.SIGNATURE else leaf


def _by_name(name: str | None) -> bool:
    return name is not None and name[-4:].lower() in {".ics", ".eml", ".p7m"}


def look(leaves: Leaves, texts: Texts, limits: Limits, nested: Nested | None, defects: list[Defect]) -> Insights:
    """Look into every leaf; ``nested`` parses a message inside the message, None when that is deep enough."""
    found = Insights()
    for path, leaf in leaves.items():
        if path in texts:
            if leaf.part.content.type == "text/plain":
                _embedded(found, leaf, leaf.head[: limits.derived], limits, defects)
        elif leaf.head[:4] == tnef.SIGNATURE or leaf.part.content.type.partition("/")[0] not in _MEDIA:
            _look_into(found, leaf, leaves, limits, nested, defects)
    return found


def _take(found: Insights, leaf: Leaf, inside: embedded.Embedded | tnef.Tnef, defects: list[Defect]) -> None:
    path = leaf.part.path
    for file in inside.files:
        number = len(found.files) + 1
        found.files.append((f"{path}.d{number}", leaf.part, file, sha256(file.data).hexdigest()))
    defects.extend(Defect(code, path, leaf.part.body) for code in inside.defects)


def _look_into(
    found: Insights, leaf: Leaf, leaves: Leaves, limits: Limits, nested: Nested | None, defects: list[Defect]
) -> None:
    content = leaf.part.content
    if tnef.is_tnef(content.type, leaf.head):
        if _whole(leaf, limits, defects):
            _tnef(found, leaf, limits, defects)
    elif calendars.is_calendar(content.type, content.name):
        _invitation(found, leaf, limits, defects)
    elif content.type in embedded.TYPES:
        _embedded(found, leaf, leaf.head, limits, defects)
    elif content.type in reports.DELIVERY:
        _report(found, leaf, leaves, defects)
    elif content.type in reports.FEEDBACK:
        found.feedback.append(reports.feedback(leaf.head, leaf.part.path, _returned(found, leaves)))
    elif pkcs7.is_message(content.type, content.name):
        _signed(found, leaf, limits, nested, defects)
    elif nested is not None and _is_message(content.type, content.name):
        _nested(found, leaf, limits, nested, defects)


def _whole(leaf: Leaf, limits: Limits, defects: list[Defect]) -> bool:
    """False for a part too large to be looked into, and then that is told."""
    if leaf.size <= limits.derived:
        return True
    defects.append(Defect("limit.derived", leaf.part.path, leaf.part.body))
    return False


def _files_left(found: Insights, limits: Limits) -> int:
    return max(limits.files - len(found.files), 0)


def _embedded(found: Insights, leaf: Leaf, data: bytes, limits: Limits, defects: list[Defect]) -> None:
    inside = embedded.extract(data, leaf.part.content.charset, _files_left(found, limits))
    if inside.files or inside.defects:
        _take(found, leaf, inside, defects)


def _tnef(found: Insights, leaf: Leaf, limits: Limits, defects: list[Defect]) -> None:
    inside = tnef.read(leaf.head, _files_left(found, limits), max(limits.html // 2 - found.unpacked, 0))
    found.unpacked += inside.unpacked
    _take(found, leaf, inside, defects)
    if found.text is None:
        found.text = inside.text or (htmltext.text_of(inside.html, limit=limits.html).text if inside.html else None)


def _invitation(found: Insights, leaf: Leaf, limits: Limits, defects: list[Defect]) -> None:
    part, said = leaf.part, leaf.part.content
    if len(found.invitations) >= limits.children or found.invited >= limits.calendar:
        defects.append(Defect("limit.calendars", part.path, part.body))
        return
    text = charsets.decode(calendars.unfolded(leaf.head[:_MOST_TEXT]), said.charset).value
    read = calendars.read(text, part.path, said.params.get("method"), limits.calendar - found.invited)
    found.invited += read.size
    found.invitations.append(read)
    defects.extend(Defect(code, part.path, part.body) for code in read.defects)


def _report(found: Insights, leaf: Leaf, leaves: Leaves, defects: list[Defect]) -> None:
    most = reports.MOST_RECIPIENTS
    report = reports.delivery(leaf.head, leaf.part.path, _returned(found, leaves), most + 1)
    found.delivery.append(msgspec.structs.replace(report, recipients=report.recipients[:most]))
    if leaf.size > reports.LIMIT or len(report.recipients) > most:
        defects.append(Defect("limit.report", leaf.part.path, leaf.part.body))


def _is_message(media_type: str, name: str | None) -> bool:
    return media_type in _MESSAGES or (media_type in UNTYPED and (name or "").lower().endswith(".eml"))


def _nested(found: Insights, leaf: Leaf, limits: Limits, nested: Nested, defects: list[Defect]) -> None:
    if len(found.children) >= limits.children:
        defects.append(Defect("limit.children", leaf.part.path, leaf.part.body))
    elif leaf.size and _whole(leaf, limits, defects):
        _child(found, leaf.part.path, leaf.head, limits, nested)


def _child(found: Insights, path: str, raw: bytes, limits: Limits, nested: Nested) -> Email:
    """A nested message, for which the bounds hold that those before it have left."""
    left = max(limits.html - found.nested, 0), max(limits.calendar - found.invited, 0)
    email = nested(raw, replace(limits, html=left[0], calendar=left[1]))
    found.children.append(ChildMessage(part=path, email=email))
    found.nested += len(raw)
    found.invited += sum([part.size for part in email.attachments if calendars.is_calendar(part.type, part.name)])
    return email


def _signed(found: Insights, leaf: Leaf, limits: Limits, nested: Nested | None, defects: list[Defect]) -> None:
    """The signed entity is a file of its own and a nested message."""
    inside = pkcs7.signed_content(leaf.head) if _whole(leaf, limits, defects) else None
    if inside is None:
        return
    path = f"{leaf.part.path}.d{len(found.files) + 1}"
    found.signed.append(leaf.part.path)
    found.files.append((path, leaf.part, inside, sha256(inside.data).hexdigest()))
    if nested is None or len(found.children) >= limits.children:
        if nested is not None:
            defects.append(Defect("limit.children", leaf.part.path, leaf.part.body))
        return
    email = _child(found, path, inside.data, limits, nested)
    plain = [email.body_values[part.part_id or ""].value for part in email.text_body if part.type == "text/plain"]
    found.text = found.text or "\n\n".join(plain) or email.mailweir.derived_text


def _returned(found: Insights, leaves: Leaves) -> reports.Returned:
    if found.returned is None:
        found.returned = _looked_for(leaves)
    return found.returned


def _looked_for(leaves: Leaves) -> reports.Returned:
    """The message that a report is about."""
    for leaf in leaves.values():
        if leaf.part.content.type in reports.RETURNED:
            said = reports.returned_headers(leaf.head)
            return reports.Returned(said.message_id, words.text(said.subject) if said.subject else None)
    return reports.Returned()


def derived_text(texts: Texts, found: Insights, limits: Limits, defects: list[Defect]) -> str | None:
    """Text for people where the message has no plain one: from HTML, from TNEF, from an invitation."""
    pages: list[str] = []
    for text in texts.values():
        if text.type == "text/html":
            pages.append(text.value.value)
        elif text.type == "text/plain" and text.value.value and not text.value.value.isspace():
            return None
    text_of_pages = _text_of(pages, limits.html, defects)
    if text_of_pages.strip():
        return text_of_pages
    invited = [calendars.as_text(digest) for digest in found.digests()]
    return found.text or "\n\n".join(invited) or None


def _text_of(pages: list[str], limit: int, defects: list[Defect]) -> str:
    """What all pages say, reading no more than ``limit`` characters of HTML."""
    said: list[str] = []
    for page in pages:
        if len(page) > limit:
            defects.append(Defect("limit.html"))
        said.append(htmltext.text_of(page[:limit]).text)
        limit -= min(len(page), limit)
        if not limit:
            break
    return "\n\n".join(said)
