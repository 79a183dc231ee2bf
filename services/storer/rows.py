"""Events as rows. Pure: what a table gets from an event."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from services.common import topics
from services.common.email import Email, EmailAddress, EmailBodyPart, PartFacts
from services.common.errors import Malformed
from services.common.events import (
    AccessAudited,
    DeadLetter,
    EmailParsed,
    MailEvent,
    ObjectFiled,
    PlaceRelinked,
    SyncReported,
)
from services.common.message.search_text import search_text
from services.storer.copying import Json, Row
from services.storer.threads import cut

_NUMBER = re.compile(r"[0-9]{1,10}")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")
_MEDIA = ("image/", "audio/", "video/")  # stand in textBody and htmlBody beside texts (RFC 8621 section 4.1.4)
_INDEXED = 1_000  # octets of a key: no place of ours is so long, and no index takes 2,704
_BY_PLACE = {
    topic.name for topic in (topics.MAIL_FETCHED, topics.MAIL_PARSED, topics.MAIL_ATTACHMENTS, topics.MAIL_FILED)
}


def email_row(event: EmailParsed) -> Row:
    """One row of the staging table of ``emails``; the last value is the text to be searched."""
    email = event.email
    senders = email.from_ or email.sender or ()
    text, html = _texts(email, email.text_body), _texts(email, email.html_body, "text/html")
    derived = email.mailweir.derived_text
    return (
        event.place.account,
        event.contentsha256,
        _version(email),
        event.size,
        (cut(email.message_id[0]) or None) if email.message_id else None,
        email.in_reply_to or (),
        email.references or (),
        email.subject,
        cut(senders[0].email) if senders else None,
        senders[0].name if senders else None,
        tuple(address.email for address in _recipients(email)),
        Json(_addresses(email)),
        _instant(email.sent_at),
        event.internaldate,
        email.has_attachment,
        email.preview,
        text or derived,
        html,
        Json(email.headers),
        Json(email.body_structure),
        Json(replace(email.mailweir, place=None, derived_text=None)),
        tuple(
            dict.fromkeys((*(defect.code for defect in email.mailweir.defects), *_repairs(email, senders, text, html)))
        ),
        _searched(email, senders, text or derived),
    )


def _version(email: Email) -> str:
    """Raises ``Malformed`` for what cannot be compared: such a row would keep every later parser out."""
    version = email.mailweir.parser_version
    if _VERSION.fullmatch(version) is None:
        raise Malformed("a parser version is numbers with dots between them")
    return version


def version(email: Email) -> tuple[int, ...]:
    """The parser's version as it is compared. Raises ``Malformed`` for what cannot be."""
    return numbers(_version(email))


def numbers(version: str) -> tuple[int, ...]:
    """A version that is stored, as it is compared."""
    return tuple(map(int, version.split(".")))


def _searched(email: Email, senders: Sequence[EmailAddress], text: str | None) -> str:
    """Recipients last: a list of thousands leaves no room for what comes after it."""
    names = [part.name for part in email.attachments]
    return search_text(email.subject, *_people(senders), *names, *_people(_recipients(email)), body=text)


def _people(addresses: Sequence[EmailAddress]) -> list[str | None]:
    return [part for address in addresses for part in (address.name, address.email)]


def _texts(email: Email, parts: Sequence[EmailBodyPart], media: str = "text/plain") -> str | None:
    values = [
        email.body_values[part.part_id].value
        for part in parts
        if part.part_id in email.body_values and part.type == media
    ]
    return "\n".join(values) if values else None


def _recipients(email: Email) -> Sequence[EmailAddress]:
    return (*(email.to or ()), *(email.cc or ()), *(email.bcc or ()))


def _addresses(email: Email) -> dict[str, object]:
    lists: dict[str, object] = {"from": email.from_, "sender": email.sender, "replyTo": email.reply_to}
    return lists | {"to": email.to, "cc": email.cc, "bcc": email.bcc}


def _repairs(email: Email, senders: Sequence[EmailAddress], *texts: str | None) -> list[str]:
    """What a row cannot hold as sent: text has no NUL, an index no kilobytes of one value, UTC no year 10000."""
    written = (email.subject, *texts, *(part.name for part in email.attachments))
    codes = ["store.nul-removed"] if any(text and "\x00" in text for text in written) else []
    own, sender = (email.message_id or ("",))[0], (senders[0].email if senders else "")
    codes += ["store.message-id-cut"] if cut(own) != own else []
    codes += ["store.sender-cut"] if cut(sender) != sender else []
    return codes + (["store.date-removed"] if email.sent_at and _instant(email.sent_at) is None else [])


def _instant(text: str | None) -> datetime | None:
    """RFC 8621's UTC-or-offset date; a year that Postgres or a time zone cannot take is left out."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def place_row(event: EmailParsed | PlaceRelinked) -> Row:
    """One row of the staging table of ``email_places``."""
    place = event.place
    return (place.folderid, place.uidvalidity, place.uid, place.account, place.folder, *_content(event), event.flags)


def _content(event: MailEvent) -> tuple[str, datetime | None]:
    return event.contentsha256, event.internaldate


def attachment_rows(event: EmailParsed) -> list[Row]:
    """One row of the staging table of ``attachments`` for each file: derived ones, and media that a text shows, too."""
    facts = event.email.mailweir.parts
    return [_attachment_row(event, part, facts) for part in _files(event.email) if part.part_id and part.blob_id]


def _files(email: Email) -> Iterable[EmailBodyPart]:
    shown = (part for part in (*email.html_body, *email.text_body) if part.type.startswith(_MEDIA))
    return {part.part_id: part for part in (*email.attachments, *shown)}.values()


def _attachment_row(event: EmailParsed, part: EmailBodyPart, facts: Mapping[str, PartFacts]) -> Row:
    known = facts.get(part.part_id or "")
    safe = (known.safe_name if known else None) or f"part-{part.part_id}"
    parent = known.parent if known else None
    identity = (event.place.account, event.contentsha256, part.part_id, part.blob_id, part.size)
    return (*identity, part.type, part.name, safe, part.disposition, parent)


def object_row(event: ObjectFiled) -> Row:
    """One row of ``objects``."""
    identity = (event.place.account, event.kind, event.sha256)
    return (*identity, event.bucket, event.key, event.objectsize, event.contenttype, event.detectedtype)


def sync_row(event: SyncReported) -> dict[str, object]:
    """Values of ``email_sync_status`` by column."""
    numbers = ("listed", "published", "quarantined", "vanished", "missing", "uidvalidity", "epoch", "sequence")
    return {name: getattr(event, name) for name in numbers} | {
        "account_id": event.account,
        "folder_id": event.folderid,
        "folder": event.folder,
        "wire": event.wire,
        "server_count": event.servercount,
        "last_pass": event.passedat,
        "last_error": event.lasterror,
        "next_try": event.nexttry,
        "budget_left": event.budgetleft,
        "state": "active",  # one that was gone is there again
    }


def audit_row(event: AccessAudited) -> Row:
    """One row of ``audit_log``."""
    where = (event.folderid, event.folder, event.uidvalidity, event.uids, event.octets)
    return (event.id, event.at, event.service, event.account, event.action, event.outcome, *where, event.detail)


def dead_letter_row(event: DeadLetter) -> Row:
    """One row of the staging table of ``dead_letters``; header values are kept as hexadecimal."""
    headers = Json([[name, value.hex()] for name, value in event.headers])
    coordinates = (event.topic, event.partition, event.offset, event.service)
    why = (event.error, event.reason, event.at)
    about = dict(event.headers).get("ce_subject") or event.key  # some clients send records on with other keys, or none
    return (*coordinates, *why, event.key, event.value, headers, *_place_of(event.topic, about))


def _place_of(topic: str, about: bytes) -> tuple[str | None, str | None, int | None, int | None]:
    """Account, folder id, UIDVALIDITY and UID, as far as the record's key or subject says them."""
    account, *rest = about.decode(errors="replace").split("/")
    is_place = topic in _BY_PLACE and len(rest) == 3 and len(about) <= _INDEXED
    if is_place and all(_NUMBER.fullmatch(part) for part in rest[1:]):
        return account, rest[0], int(rest[1]), int(rest[2])
    return account or None, None, None, None
