"""The schemas folder: what a consumer reads is what the code does."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from services.common.contract import schemas
from services.common.contract.records import SPECS

ROOT = Path(__file__).parents[2] / "schemas"
FILES = schemas.files()


def load(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", FILES)
def test_the_file_is_what_the_structs_say(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path], "run `make schemas` and look at the difference"


def test_there_is_no_file_without_an_event() -> None:
    found = {str(path.relative_to(ROOT)) for folder in ("events", "headers") for path in (ROOT / folder).iterdir()}
    assert found == set(FILES)


@pytest.mark.parametrize("path", FILES)
def test_a_schema_is_valid_draft_7_and_named_after_its_file(path: str) -> None:
    schema = load(path)
    Draft7Validator.check_schema(schema)
    assert schema["$id"] == Path(path).name
    assert schema["description"]


def objects(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [("", schema), *schema.get("$defs", {}).items()]


@pytest.mark.parametrize("path", FILES)
def test_every_property_is_described(path: str) -> None:
    bare = [
        f"{name}.{field}"
        for name, body in objects(load(path))
        for field, definition in body.get("properties", {}).items()
        if not definition.get("description")
    ]
    assert bare == []


@pytest.mark.parametrize("path", FILES)
def test_a_property_has_one_type_or_is_absent(path: str) -> None:
    unions = [
        f"{name}.{field}"
        for name, body in objects(load(path))
        for field, definition in body.get("properties", {}).items()
        if len([each for each in definition.get("anyOf", []) if each.get("type") != "null"]) > 1
    ]
    assert unions == []


def test_titles_differ() -> None:
    titles = [load(path)["title"] for path in FILES]
    assert len(titles) == len(set(titles)) == 2 * len(SPECS)
