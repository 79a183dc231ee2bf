"""Contracts only grow inside a major: schemas and topics are held against every version of them in the history."""

import json
import subprocess
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.common.contract.compatibility import breaking_changes, topic_changes
from services.common.contract.records import SPEC_BY_TYPE, Record, decode, event_id

ROOT = Path(__file__).parents[2]
OLD = {
    "type": "object",
    "properties": {
        "a": {"type": "string"},
        "k": {"enum": ["x", "y"]},
        "l": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["a"],
    "$defs": {"P": {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]}},
}


def changed(**changes: object) -> dict[str, object]:
    return OLD | changes


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (changed(properties={}), "a: removed"),
        (changed(properties=OLD["properties"] | {"a": {"type": "integer"}}), "a: type changed"),
        (changed(properties=OLD["properties"] | {"k": {"enum": ["x"]}}), "k: enum lost ['y']"),
        (
            changed(properties=OLD["properties"] | {"l": {"type": "array", "items": {"type": "string"}}}),
            "l[]: type changed",
        ),
        (changed(required=["a", "k"]), "top: required changed"),
        (changed(required=[]), "top: required changed"),
        ({key: value for key, value in OLD.items() if key != "$defs"}, "$defs/P: removed"),
        (changed(**{"$defs": {"P": {"type": "object", "properties": {}, "required": ["b"]}}}), "$defs/P/b: removed"),
    ],
)
def test_a_breaking_change_is_named(new: dict[str, object], problem: str) -> None:
    assert problem in breaking_changes(OLD, new)


def test_growth_is_allowed() -> None:
    grown = changed(properties=OLD["properties"] | {"k": {"enum": ["x", "y", "z"]}, "new": {"type": "string"}})
    assert breaking_changes(OLD, grown) == []


def test_what_the_docs_said_of_every_number_and_moment_may_be_written_down() -> None:
    bounded = {"type": "array", "items": {"type": "integer", "maximum": 2**53 - 1}}
    told = changed(properties=OLD["properties"] | {"l": bounded, "a": {"type": "string", "format": "date-time"}})
    assert breaking_changes(OLD, told) == []
    assert breaking_changes(told, OLD) == ["a: format changed", "l[]: maximum changed"]


SCHEMAS = ROOT / "schemas"
PARSED = json.loads((SCHEMAS / "events" / "email-parsed.v1.schema.json").read_text(encoding="utf-8"))
HEADERS = json.loads((SCHEMAS / "headers" / "message-fetched.headers.v1.schema.json").read_text(encoding="utf-8"))
TOPICS = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
NULL = {"type": "null"}
Steps = tuple[str | int, ...]


def edited(document: Any, path: Steps, value: object) -> Any:
    """A copy with ``value`` at ``path``; with nothing there for None."""
    copy = deepcopy(document)
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("properties", "preview"), None, "preview: removed"),
        (("properties", "size", "type"), "number", "size: type changed"),
        (("properties", "size", "type"), ["integer", "null"], "size: type changed"),
        (("properties", "size", "minimum"), 1, "size: minimum changed"),
        (("properties", "size", "minimum"), None, "size: minimum changed"),
        (("properties", "size", "maximum"), 2**31, "size: maximum changed"),
        (("properties", "size", "maximum"), None, "size: maximum changed"),
        (("properties", "receivedAt", "anyOf", 0, "format"), None, "receivedAt|0: format changed"),
        (("properties", "preview", "maxLength"), 256, "preview: maxLength changed"),
        (("properties", "preview", "format"), "uri", "preview: format changed"),
        (("properties", "preview", "pattern"), "^a", "preview: pattern changed"),
        (("properties", "preview", "enum"), ["a"], "preview: enum changed"),
        (("properties", "preview", "default"), "-", "preview: default changed"),
        (("properties", "preview", "not"), {"const": ""}, "preview: not changed"),
        (("properties", "subject", "anyOf"), [{"type": "string"}], "subject: anyOf changed"),
        (("properties", "subject", "anyOf", 0, "maxLength"), 9, "subject|0: maxLength changed"),
        (("properties", "messageId", "anyOf", 0, "items", "type"), "integer", "messageId|0[]: type changed"),
        (("properties", "headers", "items", "$ref"), "#/$defs/Place", "headers[]: $ref changed"),
        (("properties", "headers", "maxItems"), 9, "headers: maxItems changed"),
        (("properties", "bodyValues", "additionalProperties", "$ref"), "#", "bodyValues[]: $ref changed"),
        (("properties", "bodyValues", "additionalProperties"), False, "bodyValues: additionalProperties changed"),
        (("additionalProperties",), False, "top: additionalProperties changed"),
        (("required",), PARSED["required"][1:], "top: required changed"),
        (("required",), [*PARSED["required"], "subject"], "top: required changed"),
        (("$defs", "Defect"), None, "$defs/Defect: removed"),
        (("$defs", "Defect", "additionalProperties"), False, "$defs/Defect: additionalProperties changed"),
        (("$defs", "Defect", "required"), [], "$defs/Defect: required changed"),
        (("$defs", "Defect", "properties", "code", "maxLength"), 9, "$defs/Defect/code: maxLength changed"),
    ],
)
def test_each_kind_of_break_of_a_value_is_named(path: Steps, value: object, problem: str) -> None:
    assert breaking_changes(PARSED, edited(PARSED, path, value)) == [problem]


def test_a_header_with_another_name_is_a_break() -> None:
    renamed = edited(HEADERS, ("properties", "ce_messageuid"), HEADERS["properties"]["ce_uid"])
    assert breaking_changes(HEADERS, edited(renamed, ("properties", "ce_uid"), None)) == ["ce_uid: removed"]


def test_words_may_change_and_null_may_not_come() -> None:
    assert breaking_changes(PARSED, edited(PARSED, ("properties", "preview", "description"), "Other words.")) == []
    nullable = edited(PARSED, ("properties", "preview"), {"anyOf": [PARSED["properties"]["preview"], NULL]})
    assert "preview: anyOf changed" in breaking_changes(PARSED, nullable)


KAFKA = ("channels", "mailParsed", "bindings", "kafka")
EVENT = ("components", "messages", "emailParsed")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("channels", "mailParsedDlq"), None, "mail.parsed.dlq: removed"),
        (("channels", "mailParsedDlq", "address"), "mail.parsed.dead", "mail.parsed.dlq: removed"),
        ((*KAFKA, "partitions"), 3, "mail.parsed: partitions changed"),
        ((*KAFKA, "partitions"), 12, "mail.parsed: partitions changed"),
        ((*KAFKA, "topicConfiguration", "retention.ms"), 1_000, "mail.parsed: retention.ms lowered"),
        ((*KAFKA, "topicConfiguration", "max.message.bytes"), 1_000, "mail.parsed: max.message.bytes lowered"),
        ((*KAFKA, "topicConfiguration", "cleanup.policy"), ["compact"], "mail.parsed: cleanup.policy changed"),
        (("channels", "mailMailbox", "messages", "folderGone"), None, "mail.mailbox: folderGone removed"),
        ((*EVENT, "name"), "org.mailweir.email-parsed.v2", "mail.parsed: emailParsed name changed"),
        ((*EVENT, "contentType"), "application/cbor", "mail.parsed: emailParsed contentType changed"),
        ((*EVENT, "payload", "$ref"), "events/other.json", "mail.parsed: emailParsed payload top: $ref changed"),
        ((*EVENT, "headers", "$ref"), "headers/other.json", "mail.parsed: emailParsed headers top: $ref changed"),
        ((*EVENT, "bindings", "kafka", "key", "type"), "integer", "mail.parsed: emailParsed key top: type changed"),
        (
            ("components", "messages", "deadLetter", "headers", "properties", "dlq_reason"),
            None,
            "mail.parsed.dlq: deadLetter headers dlq_reason: removed",
        ),
    ],
)
def test_each_kind_of_break_of_a_topic_is_named(path: Steps, value: object, problem: str) -> None:
    assert problem in topic_changes(TOPICS, edited(TOPICS, path, value))


def test_topics_may_be_added_and_get_more_room() -> None:
    longer = edited(TOPICS, (*KAFKA, "topicConfiguration", "retention.ms"), 10**12)
    other = edited(longer, ("channels", "mailOther"), {**TOPICS["channels"]["mailParsed"], "address": "mail.other"})
    assert topic_changes(TOPICS, other) == []


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


CONTRACT = ("schemas/events", "schemas/headers", "schemas/asyncapi.yaml")


def versions() -> set[tuple[str, str]]:
    """Path and blob of everything that the contract ever said, here and on the main branch as others have it."""
    bases = ["HEAD", *filter(None, [git("rev-parse", "--verify", "--quiet", "origin/main")])]
    commits = git("log", "--format=%H", *bases, "--", *CONTRACT).splitlines()
    listed = (line for commit in commits for line in git("ls-tree", "-r", commit, "--", *CONTRACT).splitlines())
    return {(line.partition("\t")[2], line.split()[2]) for line in listed}


def waivers() -> set[str]:
    entries = tomllib.loads((ROOT / "schemas" / "waivers.toml").read_text(encoding="utf-8")).get("waiver", [])
    assert all(entry["reason"] for entry in entries)
    return {f"{entry['schema']}: {entry['change']}" for entry in entries}


def test_the_contract_only_grew_since_its_first_version() -> None:
    known = versions()
    assert known, "this test needs the git history"
    assert {f"{Path(path).name}: {change}" for path, blob in known for change in changes(path, blob)} <= waivers()


def changes(path: str, blob: str) -> list[str]:
    now = ROOT / path
    if not now.exists():
        return ["removed"]
    old, text = git("cat-file", "blob", blob), now.read_text(encoding="utf-8")
    if now.suffix == ".yaml":
        return topic_changes(yaml.safe_load(old), yaml.safe_load(text))
    return breaking_changes(json.loads(old), json.loads(text))


EXAMPLES = "schemas/examples"


def examples() -> Iterator[tuple[str, Record]]:
    """Every example that there ever was, with its name: what consumers have, and what lies in topics."""
    seen: set[tuple[str, str]] = set()
    for commit in git("log", "--format=%H", "--", EXAMPLES).splitlines():
        listed = (line.partition("\t") for line in git("ls-tree", "-r", commit, "--", EXAMPLES).splitlines())
        tree = {path: about.split()[2] for about, _, path in listed}
        for path in {path for path, blob in tree.items() if path.endswith(".json") and (path, blob) not in seen}:
            seen.add((path, tree[path]))
            yield path.removeprefix(f"{EXAMPLES}/"), recorded(tree, path)


def recorded(tree: dict[str, str], path: str) -> Record:
    example = json.loads(git("cat-file", "blob", tree[path]))
    file = f"{path.rpartition('/')[0]}/{example['valueFile']}" if "valueFile" in example else None
    value = blob_of(tree[file]) if file else json.dumps(example["value"]).encode()
    headers = tuple((name, said.encode()) for name, said in example["headers"].items())
    topic = SPEC_BY_TYPE[example["headers"]["ce_type"]].topic.name
    return Record(topic, example["key"].encode(), value, headers)


def blob_of(name: str) -> bytes:
    return subprocess.run(["git", "cat-file", "blob", name], cwd=ROOT, capture_output=True, check=True).stdout


def test_every_example_of_the_past_is_read_with_its_key_and_has_its_id() -> None:
    """A key of another kind would send what is about a message to two partitions, another id hide that it repeats."""
    past = list(examples())
    assert past, "this test needs the git history"
    other = {f"{name}: ce_id changed" for name, record in past if is_another(record)}
    assert other <= waivers()


def is_another(record: Record) -> bool:
    return event_id(decode(record)) != dict(record.headers)["ce_id"].decode()
