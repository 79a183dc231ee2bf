"""JSON Schemas of every event version, written from the Structs (``make schemas``): headers and value apart.

The files are checked in, so that a consumer needs no code of ours, and CI compares them with the Structs.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from services.common import events as ev
from services.common.contract.attributes import UNWRITTEN
from services.common.contract.records import SPECS, EventSpec
from services.common.contract.violations import LARGEST
from services.common.email import Email
from services.common.place import Place

DRAFT = "http://json-schema.org/draft-07/schema#"
_ENVELOPE = {
    "ce_specversion": "CloudEvents version, always 1.0.",
    "ce_id": "Deterministic: the same event about the same thing has the same id; drop repeats by it.",
    "ce_source": "Service and account, /mailweir/<service>/<account>.",
    "ce_type": "org.mailweir.<event>.v<major>.",
    "ce_subject": "What the event is about, also the record key: a place, a folder or an account.",
    "ce_time": "When the record was made, RFC 3339.",
    "content-type": "Media type of the value.",
}
_PLACE_AND_CLAIM = {
    "ce_dataref": "Claim check: s3://bucket/key of the bytes when the value is empty.",
    "ce_datarange": "Claim check for a part: first-last octet of the object, inclusive, still transfer-encoded.",
}
_MOMENT = "date-time"
_OPTIONAL_TEXT = "Left out when empty."
_DECIMAL = "In decimal digits."
_FORMS = {
    "uidvalidity": _DECIMAL,
    "uid": _DECIMAL,
    "size": _DECIMAL,
    "partsize": _DECIMAL,
    "internaldate": "RFC 3339, in UTC.",
    "flags": "Separated by spaces.",
    "labels": "A JSON array of strings.",
}


def value_schema(spec: EventSpec) -> dict[str, Any]:
    """Draft-07 schema of the value of one event version."""
    head: dict[str, Any] = {
        "$schema": DRAFT,
        "$id": f"{spec.name}.v1.schema.json",
        "title": spec.name.replace("-", "_"),
    }
    if spec.value == "bytes":
        media = "message/rfc822" if spec.event is ev.MessageFetched else "application/octet-stream"
        return head | {"description": _summary(spec.event), "type": "string", "contentMediaType": media}
    struct = Email if spec.value == "email" else spec.event
    definitions: dict[str, Any] = msgspec.json.schema(struct)["$defs"]
    own = definitions.pop(struct.__name__)
    body = own | {"description": _summary(spec.event), "$defs": definitions}
    text = json.dumps(body).replace(f'"#/$defs/{struct.__name__}"', '"#"')  # a nested message is another one of these
    rest: dict[str, Any] = json.loads(text, object_hook=_bounded)
    return head | {"description": rest["description"]} | _untitled(rest) | {"$defs": _all_untitled(rest["$defs"])}


def _bounded(definition: dict[str, Any]) -> dict[str, Any]:
    """Generators of code take 32 bits for an integer that does not say that it is larger."""
    return definition | {"maximum": LARGEST} if definition.get("type") == "integer" else definition


def _all_untitled(definitions: dict[str, Any]) -> dict[str, Any]:
    return {name: _untitled(body) for name, body in definitions.items()}


def headers_schema(spec: EventSpec) -> dict[str, Any]:
    """Draft-07 schema of the record headers of one event version, each read as UTF-8 text."""
    properties: dict[str, Any] = {name: {"type": "string", "description": text} for name, text in _ENVELOPE.items()}
    properties["ce_specversion"]["const"] = "1.0"
    properties["ce_time"]["format"] = _MOMENT
    properties["ce_type"]["const"] = spec.type
    required = list(properties)
    if issubclass(spec.event, ev.MailEvent):
        own, needed = _attributes(spec)
        properties |= own
        required += needed
    return {
        "$schema": DRAFT,
        "$id": f"{spec.name}.headers.v1.schema.json",
        "title": f"{spec.name.replace('-', '_')}_headers",
        "description": f"CloudEvents attributes of {spec.type} in binary mode.",
        "type": "object",
        "properties": properties,
        "required": required,
    }


def _attributes(spec: EventSpec) -> tuple[dict[str, Any], list[str]]:
    """Extension attributes: the place for every mail event, all fields where the value is bytes."""
    base = {field.name for field in msgspec.structs.fields(ev.MailEvent)}
    fields = [f for f in msgspec.structs.fields(spec.event) if f.name not in UNWRITTEN]
    carried = [f for f in fields if spec.value == "bytes" or f.name in base or f.name == "flags"]
    described = _properties(spec.event) | _properties(Place)
    names = [field.name for field in msgspec.structs.fields(Place)] + [field.name for field in carried]
    texts = {name: f"{described[name]} {_FORMS.get(name, '')}".rstrip() for name in names}
    properties = {f"ce_{name}": {"type": "string", "description": texts[name]} for name in names}
    if spec.value == "bytes":
        properties |= {name: {"type": "string", "description": text} for name, text in _PLACE_AND_CLAIM.items()}
    properties["ce_internaldate"]["format"] = _MOMENT
    optional = {f"ce_{field.name}" for field in carried if not field.required or field.name == "internaldate"}
    for name in optional:
        properties[name]["description"] += f" {_OPTIONAL_TEXT}"
    return properties, [name for name in properties if name not in optional | _PLACE_AND_CLAIM.keys()]


def _properties(struct: type[Any]) -> dict[str, str]:
    schema = msgspec.json.schema(struct)
    own = schema["$defs"][struct.__name__]["properties"]
    return {name: body.get("description", "") for name, body in own.items()}


def _untitled(definition: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key != "title"}


def _summary(event: type[Any]) -> str:
    return " ".join((event.__doc__ or "").split())


def render(schema: dict[str, Any]) -> str:
    """One text form, so that files can be compared."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def files() -> dict[str, str]:
    """Every schema file below ``schemas/``, by relative path."""
    values = {f"events/{spec.name}.v1.schema.json": render(value_schema(spec)) for spec in SPECS}
    headers = {f"headers/{spec.name}.headers.v1.schema.json": render(headers_schema(spec)) for spec in SPECS}
    return values | headers


def main(root: Path) -> None:
    """Write all schema files below ``root``."""
    for path, text in files().items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "schemas"))
