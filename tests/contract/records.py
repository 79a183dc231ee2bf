"""Example files as records: ``key``, ``headers``, and ``value`` (JSON) or ``valueFile`` (bytes beside it)."""

import json
import os
from pathlib import Path
from typing import Any

from services.common.contract import SPECS, Record
from services.common.runtime.producer import MAX_RECORD

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


def unusable(topic: str) -> list[Record]:
    """Records that nobody can use: no headers, an unknown major, a broken value or attribute, 10 MB, the largest."""
    event = next(spec for spec in SPECS if spec.topic.name == topic)
    example = record(min((EXAMPLES / event.name / "v1").glob("*.json")), topic)
    plain = dict(example.headers)
    newer = plain | {"ce_type": plain["ce_type"].replace(b".v1", b".v9")}
    broken = [(plain, b"not json"), (plain, b'{"a": 1}')]
    if event.value == "bytes":
        less = {name: value for name, value in plain.items() if name != "ce_contentsha256"}
        broken = [(plain | {"ce_uid": b"many"}, b"x"), (less, b"x")]
    unnamed: dict[str, bytes] = {}
    noise = [(unnamed, b"no headers"), (unnamed, bytes(10_000_000)), (unnamed, os.urandom(MAX_RECORD - 200))]
    return [
        Record(topic, b"bad", value, tuple(headers.items()))
        for headers, value in [(newer, example.value), *broken, *noise]
    ]
