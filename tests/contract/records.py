"""Example files as records: ``key``, ``headers``, and ``value`` (JSON) or ``valueFile`` (bytes beside it)."""

import json
from pathlib import Path
from typing import Any

from services.common.contract import Record

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def example_files() -> list[Path]:
    return sorted(EXAMPLES.glob("*/v1/*.json"))


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def record(path: Path, topic: str) -> Record:
    example = load(path)
    if "valueFile" in example:
        value = (path.parent / example["valueFile"]).read_bytes()
    else:
        value = json.dumps(example["value"], ensure_ascii=False).encode() if example["value"] is not None else b""
    headers = tuple((name, text.encode()) for name, text in example["headers"].items())
    return Record(topic, example["key"].encode(), value, headers)


def dump(event_record: Record, file_name: str | None = None) -> str:
    """The text of an example file for a record; bytes are kept beside it in ``file_name``."""
    body = {"key": event_record.key.decode(), "headers": {name: raw.decode() for name, raw in event_record.headers}}
    if file_name:
        body |= {"valueFile": file_name}
    else:
        body |= {"value": json.loads(event_record.value) if event_record.value else None}
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
