"""Events to records and back: CloudEvents 1.0 in binary mode (Kafka protocol binding section 3.2).

Attributes travel in ``ce_`` headers as UTF-8 text, the value is the thing itself: the message, the file, or one JSON
object. ``ce_id`` follows from the event type and what the event is about, so a repeat can be recognised and dropped.
"""

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from services.common import events as ev
from services.common import topics
from services.common.accounts.fields import SLUG
from services.common.contract.attributes import mail_attributes, mail_fields, text_attributes
from services.common.contract.violations import check_filed, check_told_once, check_values, shape
from services.common.email import Email
from services.common.errors import ContractViolated, Malformed
from services.common.topics import SUFFIX, Topic

PREFIX = "org.mailweir."
_SPECVERSION = "1.0"
_CONTENT_TYPE = "content-type"
_ENVELOPE = ("specversion", "id", "source", "subject", "time")


class Record(Struct, frozen=True):
    """One Kafka record as it is on the wire; ``partition`` and ``offset`` are -1 before it was written."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    partition: int = -1
    offset: int = -1


class EventSpec(Struct, frozen=True):
    """How one event version travels: its name (without prefix), its topic, what its value is."""

    name: str
    event: type[Any]
    topic: Topic
    value: str  # "bytes", "email" or "json"

    @property
    def type(self) -> str:
        """The ``ce_type``."""
        return f"{PREFIX}{self.name}.v1"


SPECS = (
    EventSpec("message-fetched", ev.MessageFetched, topics.MAIL_FETCHED, "bytes"),
    EventSpec("email-parsed", ev.EmailParsed, topics.MAIL_PARSED, "email"),
    EventSpec("attachment-extracted", ev.AttachmentExtracted, topics.MAIL_ATTACHMENTS, "bytes"),
    EventSpec("object-filed", ev.ObjectFiled, topics.MAIL_FILED, "json"),
    EventSpec("place-relinked", ev.PlaceRelinked, topics.MAIL_MAILBOX, "json"),
    EventSpec("folder-created", ev.FolderCreated, topics.MAIL_MAILBOX, "json"),
    EventSpec("folder-renamed", ev.FolderRenamed, topics.MAIL_MAILBOX, "json"),
    EventSpec("folder-gone", ev.FolderGone, topics.MAIL_MAILBOX, "json"),
    EventSpec("uidvalidity-changed", ev.UidValidityChanged, topics.MAIL_MAILBOX, "json"),
    EventSpec("flags-changed", ev.FlagsChanged, topics.MAIL_MAILBOX, "json"),
    EventSpec("messages-vanished", ev.MessagesVanished, topics.MAIL_MAILBOX, "json"),
    EventSpec("messages-returned", ev.MessagesReturned, topics.MAIL_MAILBOX, "json"),
    EventSpec("sync-reported", ev.SyncReported, topics.MAIL_MAILBOX, "json"),
    EventSpec("account-reported", ev.AccountReported, topics.MAIL_MAILBOX, "json"),
    EventSpec("access-audited", ev.AccessAudited, topics.MAIL_AUDIT, "json"),
)
SPEC_BY_EVENT: dict[type[Any], EventSpec] = {spec.event: spec for spec in SPECS}
SPEC_BY_TYPE = {spec.type: spec for spec in SPECS}
_ENCODER = msgspec.json.Encoder()
_JSON_DECODERS = {spec.type: msgspec.json.Decoder(spec.event) for spec in SPECS if spec.value == "json"}
_EMAIL_DECODER = msgspec.json.Decoder(Email)
_ACCOUNT = re.compile(SLUG)
_SHOWN = 100  # characters of what a stranger wrote; a reason must fit beside the largest record


def topic_of(event: ev.Event) -> str:
    """Name of the topic that an event travels on."""
    if isinstance(event, ev.DeadLetter):
        return topics.BY_NAME[event.topic].dead_letters
    return SPEC_BY_EVENT[type(event)].topic.name


def subject_of(event: ev.Event) -> str:
    """What the event is about: a place, a folder or an account. Also the record key."""
    if isinstance(event, ev.MailEvent):
        return event.place.subject
    if isinstance(event, ev.FolderEvent):
        return f"{event.account}/{event.folderid}"
    if isinstance(event, ev.AccountReported | ev.AccessAudited):
        return event.account
    raise TypeError(f"{type(event).__name__} has no subject of its own")


def event_id(event: ev.Event) -> str:
    """Deterministic ``ce_id``: the same thing said about the same place has the same id."""
    return _id_of(event, SPEC_BY_EVENT[type(event)].type, subject_of(event))


def _id_of(event: ev.Event, kind: str, subject: str) -> str:
    if isinstance(event, ev.AccessAudited):
        return event.id
    said = "/".join((kind, subject, *_distinction(event)))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _distinction(event: ev.Event) -> tuple[str, ...]:
    if isinstance(event, ev.EmailParsed):
        return (event.contentsha256, event.email.mailweir.parser_version)
    if isinstance(event, ev.AttachmentExtracted):
        return (event.contentsha256, event.partid, event.partsha256)
    if isinstance(event, ev.ObjectFiled):
        part = (event.partid,) if event.partid else ()
        return (event.kind, event.key, *part)
    if isinstance(event, ev.MailEvent):
        return (event.contentsha256,)
    return (str(event.sequence),) if isinstance(event, ev.FolderEvent | ev.AccountReported) else ()


def encode(event: ev.Event, service: str, now: datetime) -> Record:
    """One event as the record that carries it; ``service`` is who says it, ``now`` becomes ``ce_time``."""
    if isinstance(event, ev.DeadLetter):
        return _encode_dead_letter(event)
    spec = SPEC_BY_EVENT[type(event)]
    subject = subject_of(event)
    value, attributes, content_type = _encode_value(spec, event)
    attributes = _envelope(event, spec.type, subject, service, now) | attributes
    headers = [("ce_" + name, text.encode()) for name, text in attributes.items()]
    return Record(spec.topic.name, subject.encode(), value, (*headers, (_CONTENT_TYPE, content_type.encode())))


def _envelope(event: ev.Event, kind: str, subject: str, service: str, now: datetime) -> dict[str, str]:
    return {
        "specversion": _SPECVERSION,
        "id": _id_of(event, kind, subject),
        "source": f"/mailweir/{service}/{subject.partition('/')[0]}",
        "type": kind,
        "subject": subject,
        "time": _instant(now),
    }


@lru_cache(maxsize=8)
def _instant(now: datetime) -> str:
    """The same for all events of a batch."""
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _encode_value(spec: EventSpec, event: ev.Event) -> tuple[bytes, dict[str, str], str]:
    if isinstance(event, ev.EmailParsed):
        return _ENCODER.encode(event.email), mail_attributes(event, flags=event.flags), "application/json"
    if isinstance(event, ev.MessageFetched | ev.AttachmentExtracted):
        body = event.body if isinstance(event.body, bytes) else b""
        media = event.contenttype if isinstance(event, ev.AttachmentExtracted) else "message/rfc822"
        return body, text_attributes(event), media
    flags = event.flags if isinstance(event, ev.PlaceRelinked) else ()
    attributes = mail_attributes(event, flags) if isinstance(event, ev.MailEvent) else {}
    return _ENCODER.encode(event), attributes, "application/json"


def _encode_dead_letter(event: ev.DeadLetter) -> Record:
    why = {
        "topic": event.topic,
        "partition": str(event.partition),
        "offset": str(event.offset),
        "service": event.service,
        "error": event.error,
        "reason": event.reason,
        "at": _instant(event.at),
    }
    added = tuple((f"dlq_{name}", text.encode()) for name, text in why.items())
    return Record(topic_of(event), event.key, event.value, event.headers + added)


def decode(record: Record) -> ev.Event:
    """The event that a record carries.

    Raises:
        ContractViolated: no or unknown ``ce_type``, another ``ce_specversion``, a missing or malformed attribute, a
            value that breaks the schema, an account that cannot be one.

    """
    if record.topic.endswith(SUFFIX):
        return _decode_dead_letter(record)
    attributes = _attributes(record)
    spec = SPEC_BY_TYPE.get(attributes.get("type", ""))
    if spec is None or spec.topic.name != record.topic:
        said = repr(attributes["type"][:_SHOWN]) if "type" in attributes else "a record without ce_type"
        raise ContractViolated("contract.type", f"{said} is not read from {record.topic}")
    try:
        _check_envelope(attributes)
        event = _decode_value(spec, record, attributes)
        _check_account(event)
        _check_identity(event, record, attributes)
        return event
    except (msgspec.DecodeError, ValueError, KeyError, OverflowError, RecursionError) as error:
        raise ContractViolated("contract.schema", f"{spec.type}: {shape(error)}") from error


def _attributes(record: Record) -> dict[str, str]:
    found = [(name[3:], raw) for name, raw in record.headers if name.startswith("ce_")]
    try:
        attributes = {name: raw.decode() for name, raw in found}
    except UnicodeDecodeError as error:
        raise ContractViolated("contract.headers", "a ce_ header is not UTF-8") from error
    if len(attributes) != len(found) or sum(name == _CONTENT_TYPE for name, _ in record.headers) > 1:
        raise ContractViolated("contract.headers", "an attribute is there twice: readers would take different ones")
    return attributes


def _check_envelope(attributes: dict[str, str]) -> None:
    """Raise unless every attribute of an event is there, and they are those of CloudEvents 1."""
    for name in _ENVELOPE:
        if not attributes[name]:
            raise KeyError(name)
    if attributes["specversion"] != _SPECVERSION:
        raise ContractViolated("contract.type", f"CloudEvents {attributes['specversion'][:_SHOWN]!r} are not read")


def _decode_value(spec: EventSpec, record: Record, attributes: dict[str, str]) -> ev.Event:
    value = record.value or b""
    if spec.value == "json":
        event: ev.Event = _JSON_DECODERS[spec.type].decode(value)
        check_told_once(value, _ENCODER.encode(event))
        check_values(event)
        return event
    if spec.value == "email":
        email = _EMAIL_DECODER.decode(value)
        check_told_once(value, _ENCODER.encode(email))
        return msgspec.convert(mail_fields(spec.event, attributes) | {"email": email}, ev.EmailParsed)
    content_type = dict(record.headers).get(_CONTENT_TYPE, b"").decode()
    made: ev.Event = msgspec.convert(
        mail_fields(spec.event, attributes | {"contenttype": content_type}, value), spec.event
    )
    return made


def _check_account(event: ev.Event) -> None:
    """Raise for what no account is called: no command would find or erase its mail, and a key could name a folder."""
    account = event.place.account if isinstance(event, ev.MailEvent) else getattr(event, "account", "")
    if not _ACCOUNT.fullmatch(account):
        raise ContractViolated("contract.schema", f"{account[:_SHOWN]!r} is not the name of an account")


def _check_identity(event: ev.Event, record: Record, attributes: dict[str, str]) -> None:
    """Raise where value, attributes and key are about different things: each reader would take another one.

    A record without a key is read: some clients send records on without.
    """
    subject = subject_of(event)
    if attributes["subject"] != subject:
        raise Malformed("ce_subject is not what the record is about")
    if record.key not in (b"", subject.encode()):
        raise Malformed("the key is not ce_subject")
    if isinstance(event, ev.EmailParsed):
        _check_email(event)
    if isinstance(event, ev.PlaceRelinked | ev.ObjectFiled):
        said = mail_fields(type(event), attributes)["place"]
        if said.subject != subject or attributes["contentsha256"] != event.contentsha256:
            raise Malformed("the attributes are about another message than the value")
    if isinstance(event, ev.ObjectFiled):
        check_filed(event)


def _check_email(mail: ev.EmailParsed) -> None:
    """Raise where the value is about another message, or another place, than the attributes."""
    if mail.email.id != mail.contentsha256:
        raise Malformed("the Email's id is not ce_contentsha256")
    said = mail.email.mailweir.place
    if said is not None and said.subject != mail.place.subject:
        raise Malformed("the Email's place is not that of the attributes")


def _decode_dead_letter(record: Record) -> ev.DeadLetter:
    why = {name[4:]: raw.decode(errors="replace") for name, raw in record.headers if name.startswith("dlq_")}
    original = tuple(header for header in record.headers if not header[0].startswith("dlq_"))
    if why.get("topic") != record.topic.removesuffix(SUFFIX):
        raise ContractViolated("contract.dead-letter", f"dlq_topic is not the topic of {record.topic}")
    try:
        return ev.DeadLetter(
            topic=why["topic"],
            partition=int(why["partition"]),
            offset=int(why["offset"]),
            service=why["service"],
            error=why["error"],
            reason=why["reason"],
            at=datetime.fromisoformat(why["at"]).astimezone(UTC),
            key=record.key,
            value=record.value,
            headers=original,
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise ContractViolated("contract.dead-letter", f"of the dlq_ headers: {shape(error)}") from error
