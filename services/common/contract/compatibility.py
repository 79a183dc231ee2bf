"""What a newer contract may not do to an older one inside a major: contracts only grow.

A schema grows by properties that are not required, values of an enum and definitions, and by what docs/events.md said
of every record from the first on; a register of topics by topics, events and room. Words may always change. Every other
difference is told, whatever the keyword: old records must stay valid by the new contract, and readers of the old one
must understand new records.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_WORDS = frozenset({"title", "description", "examples", "$comment"})
_GROWING = frozenset({"properties", "$defs", "required", "enum"})
_SAID_BEFORE = (("maximum", 2**53 - 1), ("format", "date-time"))  # of each integer and each moment, in "Records"
_NESTED = ("items", "additionalProperties")
_CHOICES = ("anyOf", "allOf", "oneOf")
_ROOM = ("retention.ms", "max.message.bytes")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Every change that a consumer of the old schema could notice, as ``path: what``; empty when it only grew.

    Both are whole schema documents; ``$defs`` are compared by name. Nothing is followed by reference.
    """
    return list(_changes("", old, new))


def _changes(path: str, old: Schema, new: Schema) -> Iterator[str]:
    where = path or "top"
    yield from _members(path, old.get("properties", {}), new.get("properties", {}))
    yield from _members(f"{path}/$defs", old.get("$defs", {}), new.get("$defs", {}))
    if set(old.get("required", ())) != set(new.get("required", ())):
        yield f"{where}: required changed"
    lost = [value for value in old.get("enum", ()) if value not in new.get("enum", ())]
    if lost:
        yield f"{where}: enum lost {lost}"
    elif "enum" in new and "enum" not in old:
        yield f"{where}: enum changed"
    for keyword in sorted((old.keys() | new.keys()) - _WORDS - _GROWING):
        yield from _keyword(path, keyword, old.get(keyword), new.get(keyword))


def _members(path: str, old: Schema, new: Schema) -> Iterator[str]:
    for name, body in old.items():
        where = f"{path}/{name}".lstrip("/")
        if name in new:
            yield from _changes(where, body, new[name])
        else:
            yield f"{where}: removed"


def _keyword(path: str, keyword: str, old: Any, new: Any) -> Iterator[str]:
    if keyword in _NESTED and isinstance(old, dict) and isinstance(new, dict):
        yield from _changes(f"{path}[]", old, new)
    elif keyword in _CHOICES and old and new and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _changes(f"{path}|{number}", before, after)
    elif old != new and not (old is None and (keyword, new) in _SAID_BEFORE):
        yield f"{path or 'top'}: {keyword} changed"


def topic_changes(old: Schema, new: Schema) -> list[str]:
    """The same for two AsyncAPI 3 documents, as ``topic: what``: partitions, room, and events with their keys."""
    before, after = _topics(old), _topics(new)
    return [
        f"{name}: {what}"
        for name, topic in before.items()
        for what in (_topic_changes(topic, after[name]) if name in after else ("removed",))
    ]


def _topics(document: Schema) -> dict[str, Schema]:
    return {
        channel["address"]: channel["bindings"]["kafka"]
        | {"events": {name: _resolved(document, event) for name, event in channel["messages"].items()}}
        for channel in document["channels"].values()
    }


def _resolved(document: Schema, event: Schema) -> Schema:
    found: Schema = document["components"]["messages"][event["$ref"].rpartition("/")[2]]
    return found


def _topic_changes(old: Schema, new: Schema) -> Iterator[str]:
    if old["partitions"] != new["partitions"]:  # a key would go to another partition, behind or before its own past
        yield "partitions changed"
    before, after = old["topicConfiguration"], new["topicConfiguration"]
    yield from (f"{name} lowered" for name in _ROOM if after.get(name, 0) < before.get(name, 0))
    if before["cleanup.policy"] != after["cleanup.policy"]:
        yield "cleanup.policy changed"
    for name, event in old["events"].items():
        if name not in new["events"]:
            yield f"{name} removed"
        else:
            yield from (f"{name} {what}" for what in _event_changes(event, new["events"][name]))


def _event_changes(old: Schema, new: Schema) -> Iterator[str]:
    for part in ("name", "contentType"):
        if old.get(part) != new.get(part):
            yield f"{part} changed"
    for part in ("headers", "payload"):
        yield from (f"{part} {what}" for what in breaking_changes(old.get(part, {}), new.get(part, {})))
    yield from (f"key {what}" for what in breaking_changes(_key(old), _key(new)))


def _key(event: Schema) -> Schema:
    key: Schema = event.get("bindings", {}).get("kafka", {}).get("key", {})
    return key
