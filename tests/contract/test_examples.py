"""An event without an example does not exist: every example is valid, decodes, and encodes to itself."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema_rs import Draft7Validator

from services.common.contract.records import SPEC_BY_EVENT, SPECS, decode, encode
from services.common.email import Email
from tests.contract.records import EXAMPLES, example_files, load, record

SCHEMAS = EXAMPLES.parent
BY_NAME = {spec.name: spec for spec in SPECS}


def schema(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SCHEMAS / path).read_text(encoding="utf-8"))
    return content


def named(path: Path) -> str:
    return f"{path.parts[-3]}/{path.stem}"


def test_every_event_version_has_an_example_and_no_example_is_orphaned() -> None:
    assert {path.parts[-3] for path in example_files()} == set(BY_NAME)


@pytest.mark.parametrize("path", example_files(), ids=named)
def test_an_example_keeps_its_schemas(path: Path) -> None:
    example, name = load(path), path.parts[-3]
    Draft7Validator(schema(f"headers/{name}.headers.v1.schema.json"), validate_formats=True).validate(
        example["headers"]
    )
    if "value" in example and BY_NAME[name].value != "bytes":
        Draft7Validator(schema(f"events/{name}.v1.schema.json"), validate_formats=True).validate(example["value"])


@pytest.mark.parametrize("path", example_files(), ids=named)
def test_an_example_decodes_and_encodes_to_itself(path: Path) -> None:
    spec = BY_NAME[path.parts[-3]]
    original = record(path, spec.topic.name)
    event = decode(original)
    headers = dict(original.headers)
    service = headers["ce_source"].decode().split("/")[2]
    again = encode(event, service, datetime.fromisoformat(headers["ce_time"].decode()))
    assert decode(again) == event
    assert dict(again.headers) == headers
    assert again.key == original.key


UNSHOWN = {
    "EmailBodyValue.isTruncated",  # a text of 2 MiB
    "MailweirFacts.language",  # off by default
    "Headers.ce_datarange",  # a message is told whole
}


def test_every_property_says_something_in_an_example() -> None:
    shown: set[str] = set()
    for path in example_files():
        example, name = load(path), path.parts[-3]
        shown |= {f"Headers.{header}" for header in example["headers"]}
        if "value" in example and BY_NAME[name].value != "bytes":
            shown |= set(said(schema(f"events/{name}.v1.schema.json"), name, example["value"]))
    assert known() - shown <= UNSHOWN


def known() -> set[str]:
    """Every property of every schema as ``Definition.property``."""
    found: set[str] = set()
    for spec in SPECS:
        whole = schema(f"events/{spec.name}.v1.schema.json")
        for name, body in {spec.name: whole, **whole.get("$defs", {})}.items():
            found |= {f"{name}.{each}" for each in body.get("properties", {})}
        found |= {f"Headers.{each}" for each in schema(f"headers/{spec.name}.headers.v1.schema.json")["properties"]}
    return found


def said(whole: dict[str, Any], name: str, value: dict[str, Any]) -> Iterator[str]:
    """The properties of an object that are neither null nor empty, those of the objects in it included."""
    properties = whole.get("$defs", {}).get(name, whole)["properties"]
    for key, member in value.items():
        if member not in (None, "", [], {}, 0, False):
            yield f"{name}.{key}"
            for reference, inner in referred(properties[key], member):
                top = whole["$id"].partition(".")[0]
                yield from said(whole, top if reference == "#" else reference.rpartition("/")[2], inner)


def referred(definition: dict[str, Any], member: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object below a property, with the reference to its schema."""
    if "$ref" in definition:
        yield definition["$ref"], member
    for choice in definition.get("anyOf", ()):
        yield from referred(choice, member)
    if isinstance(definition.get("items"), dict):
        for each in member:
            yield from referred(definition["items"], each)
    if isinstance(definition.get("additionalProperties"), dict):
        for each in member.values():
            yield from referred(definition["additionalProperties"], each)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_required_properties_are_the_fields_without_default(spec: Any) -> None:
    if spec.value == "bytes":
        return_type = None
    else:
        return_type = Email if spec.value == "email" else spec.event
        fields = msgspec.structs.fields(return_type)
        expected = {field.encode_name for field in fields if field.required}
        assert set(schema(f"events/{spec.name}.v1.schema.json")["required"]) == expected
    required = set(schema(f"headers/{spec.name}.headers.v1.schema.json")["required"])
    assert {"ce_id", "ce_type", "ce_source", "ce_subject", "ce_specversion", "content-type"} <= required
    assert return_type is not None or {"ce_account", "ce_folderid", "ce_uid", "ce_contentsha256"} <= required


def test_the_register_knows_every_event() -> None:
    assert set(SPEC_BY_EVENT) == {spec.event for spec in SPECS}
