"""Mail events as CloudEvents extension attributes (lower-case names, text values) and back."""

from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from services.common.events import AttachmentExtracted, DataRef, MailEvent, MessageFetched
from services.common.place import Place

_NUMBERS = ("size", "partsize")


def mail_attributes(event: MailEvent, flags: tuple[str, ...] = ()) -> dict[str, str]:
    """The attributes that every mail event has; absent ones (no INTERNALDATE, no flags) are left out."""
    place = event.place
    attributes = {
        "account": place.account,
        "folder": place.folder,
        "folderid": place.folderid,
        "uidvalidity": str(place.uidvalidity),
        "uid": str(place.uid),
        "contentsha256": event.contentsha256,
        "size": str(event.size),
    }
    if event.internaldate is not None:
        attributes["internaldate"] = event.internaldate.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return attributes | ({"flags": " ".join(flags)} if flags else {})


def text_attributes(event: MessageFetched | AttachmentExtracted) -> dict[str, str]:
    """All attributes of an event whose value is bytes, the claim check among them (``dataref``, ``datarange``)."""
    own: dict[str, str] = {}
    for name in structs.asdict(event).keys() - {
        "place",
        "internaldate",
        "size",
        "contentsha256",
        "contenttype",
        "body",
    }:
        text = _text(name, getattr(event, name))
        if text:
            own[name] = text
    if isinstance(event.body, DataRef):
        own["dataref"] = event.body.uri
        if event.body.first is not None:
            own["datarange"] = f"{event.body.first}-{event.body.last}"
    return mail_attributes(event) | dict(sorted(own.items()))


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "labels":
        return "\n".join(value)
    return " ".join(value) if name == "flags" else str(value)


def mail_fields(event: type[Any], attributes: dict[str, str], value: bytes | None = None) -> dict[str, Any]:
    """Constructor arguments of a mail event from its attributes. Raises KeyError or ValueError on bad ones."""
    fields: dict[str, Any] = {
        "place": Place(
            account=attributes["account"],
            folder=attributes["folder"],
            folderid=attributes["folderid"],
            uidvalidity=int(attributes["uidvalidity"]),
            uid=int(attributes["uid"]),
        ),
        "internaldate": _instant(attributes.get("internaldate")),
    }
    if value is not None:
        fields["body"] = _claim(attributes) or value
    for name in set(event.__struct_fields__) - fields.keys() - {"email", "body"}:
        if name in attributes:
            fields[name] = _value(name, attributes[name])
    return fields


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return int(text)
    if name == "labels":
        return tuple(text.split("\n"))
    return tuple(text.split(" ")) if name == "flags" else text


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _claim(attributes: dict[str, str]) -> DataRef | None:
    if "dataref" not in attributes:
        return None
    first, dash, last = attributes.get("datarange", "").partition("-")
    return DataRef(attributes["dataref"], int(first), int(last)) if dash else DataRef(attributes["dataref"])
