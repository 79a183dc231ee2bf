"""Mail events as CloudEvents extension attributes (lower-case names, text values) and back."""

import json
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from services.common.contract.violations import in_utc
from services.common.errors import Malformed
from services.common.events import AttachmentExtracted, DataRef, MailEvent, MessageFetched
from services.common.objects import key_of
from services.common.place import Place

UNWRITTEN = frozenset({"place", "body", "hashed", "email", "contenttype"})
"""Fields that are no attribute: they are several, the value, its content type, or true within one process only."""
_COMMON = frozenset({"internaldate", "size", "contentsha256"})
_READ_APART = (UNWRITTEN | {"internaldate"}) - {"contenttype"}
_NUMBERS = ("size", "partsize")
_LARGEST = 1 << 63
_LONGEST = len(str(_LARGEST))
_DIGITS = re.compile("[0-9]+")
_RANGE = re.compile(rf"([0-9]{{1,{_LONGEST}}})-(-1|[0-9]{{1,{_LONGEST}}})")
_NONCHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_DISALLOWED = re.compile(rf"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")


def mail_attributes(event: MailEvent, flags: tuple[str, ...] = ()) -> dict[str, str]:
    """The attributes that every mail event has; absent ones (no INTERNALDATE, no flags) are left out."""
    place = event.place
    attributes = {
        "account": place.account,
        "folder": _string(place.folder),
        "folderid": place.folderid,
        "uidvalidity": str(place.uidvalidity),
        "uid": str(place.uid),
        "contentsha256": event.contentsha256,
        "size": str(event.size),
    }
    if event.internaldate is not None:
        attributes["internaldate"] = event.internaldate.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return attributes | ({"flags": _string(" ".join(flags))} if flags else {})


def text_attributes(event: MessageFetched | AttachmentExtracted) -> dict[str, str]:
    """All attributes of an event whose value is bytes, the claim check among them (``dataref``, ``datarange``)."""
    own = {name: text for name in _own(type(event)) if (text := _text(name, getattr(event, name)))}
    if isinstance(event.body, DataRef):
        own |= _reference(event.body)
    return mail_attributes(event) | own


def _reference(body: DataRef) -> dict[str, str]:
    part = {"datarange": f"{body.first}-{body.last}"} if body.first is not None else {}
    return {"dataref": body.uri} | part


@cache
def _own(event: type[MailEvent]) -> tuple[str, ...]:
    """What an event says beside what every mail event says."""
    return tuple(sorted(set(event.__struct_fields__) - UNWRITTEN - _COMMON))


@cache
def _told(event: type[MailEvent]) -> tuple[str, ...]:
    """Fields that are read from attributes as they are."""
    return tuple(set(event.__struct_fields__) - _READ_APART)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "labels":
        return json.dumps(value) if value else ""
    return _string(" ".join(value) if name == "flags" else str(value))


def _string(text: str) -> str:
    """``text`` as a String of CloudEvents 1.0 ("Type System"): U+FFFD for each character that such may not hold."""
    return text if text.isprintable() else _DISALLOWED.sub("\ufffd", text)


def mail_fields(event: type[MailEvent], attributes: dict[str, str], value: bytes | None = None) -> dict[str, Any]:
    """Constructor arguments of a mail event. Raises KeyError, ValueError or OverflowError on bad attributes."""
    fields: dict[str, Any] = {
        "place": Place(
            account=attributes["account"],
            folder=attributes["folder"],
            folderid=attributes["folderid"],
            uidvalidity=_number("uidvalidity", attributes["uidvalidity"]),
            uid=_number("uid", attributes["uid"]),
        ),
        "internaldate": _instant(attributes.get("internaldate")),
    }
    if value is not None:
        fields["body"] = _claim(attributes) or value
    for name in _told(event):
        if name in attributes:
            fields[name] = _value(name, attributes[name])
    return fields


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return _number(name, text)
    if name == "labels":
        return _labels(text)
    return tuple(text.split(" ")) if name == "flags" else text


def _labels(text: str) -> tuple[str, ...]:
    """A JSON array; records of before that was so have one label a line."""
    return msgspec.json.decode(text, type=tuple[str, ...]) if text.startswith('["') else tuple(text.split("\n"))


def _number(name: str, text: str) -> int:
    if _DIGITS.fullmatch(text) is None:
        raise Malformed(f"ce_{name} is no number in decimal digits")
    number = int(text) if len(text) <= _LONGEST else _LARGEST
    if number >= _LARGEST:
        raise Malformed(f"ce_{name} is larger than a database or a file takes")
    return number


def _instant(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise Malformed("ce_internaldate is no moment") from None
    return in_utc("ce_internaldate", moment) if moment else None


def _claim(attributes: dict[str, str]) -> DataRef | None:
    if "dataref" not in attributes:
        return None
    uri = attributes["dataref"]
    key_of(uri)
    return DataRef(uri, *_range(attributes["datarange"])) if "datarange" in attributes else DataRef(uri)


def _range(text: str) -> tuple[int, int]:
    """Both ends of a range, which may be empty: then the last octet is the one before the first."""
    found = _RANGE.fullmatch(text)
    first, last = (int(found[1]), int(found[2])) if found else (1, -1)
    if not first <= last + 1 < _LARGEST:
        raise Malformed("ce_datarange is no range of octets")
    return first, last
