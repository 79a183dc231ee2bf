"""Example files as records: ``key``, ``headers``, and ``value`` (JSON) or ``valueFile`` (bytes beside it)."""

import json
import os
from pathlib import Path
from typing import Any

from services.common.contract.records import SPECS, Record
from services.common.runtime.kafka.producer import MAX_RECORD

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


def unusable(topic: str) -> list[Record]:
    """Records that nobody can use: too few headers, an unknown major, a broken value or attribute, 10 MB, the largest.

    And what a reader could stumble over: values nested deeper than a stack, moments outside of the calendar, claim
    checks to nowhere, a type as long as a record, a key as long as no index takes or of another message, no key, an
    attribute twice.
    """
    event = next(spec for spec in SPECS if spec.topic.name == topic)
    example = record(min((EXAMPLES / event.name / "v1").glob("*.json")), topic)
    plain = dict(example.headers)
    newer = plain | {"ce_type": plain["ce_type"].replace(b".v1", b".v9")}
    later = plain | {"ce_specversion": b"2.0"}
    nameless = {name: value for name, value in plain.items() if name != "ce_id"}
    deep = b'{"more": ' * 100_000 + b"1" + b"}" * 100_000
    texts = (b"not json", b'{"a": 1}', b'{"account": NaN}', b'{"account": "\xed\xa0\x80"}', deep)
    broken = [(plain, text) for text in (*texts, None)]
    if event.value == "bytes":
        less = {name: value for name, value in plain.items() if name != "ce_contentsha256"}
        far = plain | {"ce_internaldate": b"9999-12-31T23:59:59-12:00"}
        claims = (b"s3://mailweir/../../etc/passwd", b"s3://mailweir/" + b"n" * 2_000, b"file:///etc/passwd")
        outside = [(plain | {"ce_dataref": claim}, b"") for claim in claims]
        range_ = plain | {"ce_dataref": b"s3://mailweir/a", "ce_datarange": b"9-1"}
        broken = [(plain | {"ce_uid": b"many"}, b"x"), (less, b"x"), (far, b"x"), *outside, (range_, b"")]
    unnamed: dict[str, bytes] = {}
    long = {"ce_type": os.urandom(250_000).hex().encode(), "ce_id": b"\xff" * 250_000}
    noise = [(unnamed, b"no headers"), (unnamed, bytes(10_000_000)), (unnamed, os.urandom(MAX_RECORD - 200))]
    return [
        Record(topic, b"work/" + os.urandom(2_000).hex().encode() + b"/1/2", b"x", (("ce_type", b"?"),)),
        Record(topic, b"", example.value, (*example.headers, ("ce_subject", b"work/f1/1/2"))),
        Record(topic, b"other/f1/1/2", example.value, example.headers),
        *(
            Record(topic, b"bad", value, tuple(headers.items()))
            for headers, value in [
                (newer, example.value),
                (later, example.value),
                (nameless, example.value),
                *broken,
                *noise,
                (long, b"x"),
                (long | {"ce_id": b"1"}, b"x"),
            ]
        ),
    ]
