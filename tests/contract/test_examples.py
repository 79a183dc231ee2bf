"""An event without an example does not exist: every example is valid, decodes, and encodes to itself."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator

from services.common.contract import SPEC_BY_EVENT, SPECS, decode, encode
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
    Draft7Validator(schema(f"headers/{name}.headers.v1.schema.json")).validate(example["headers"])
    if "value" in example and BY_NAME[name].value != "bytes":
        Draft7Validator(schema(f"events/{name}.v1.schema.json")).validate(example["value"])


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
