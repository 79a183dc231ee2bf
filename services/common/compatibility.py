"""What a newer schema may not do to an older one inside a major (design section 5): contracts only grow."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Every change that a consumer of the old schema could notice, as ``path: what``; empty when it only grew.

    Both are whole schema documents; ``$defs`` are compared by name. Nothing is followed recursively by reference.
    """
    problems = list(_object_changes("", old, new))
    for name, definition in old.get("$defs", {}).items():
        if name not in new.get("$defs", {}):
            problems.append(f"$defs/{name}: removed")
        else:
            problems += _object_changes(f"$defs/{name}", definition, new["$defs"][name])
    return problems


def _object_changes(path: str, old: Schema, new: Schema) -> Iterator[str]:
    yield from _type_changes(path, old, new)
    for name, body in old.get("properties", {}).items():
        where = f"{path}/{name}".lstrip("/")
        if name not in new.get("properties", {}):
            yield f"{where}: removed"
        else:
            yield from _type_changes(where, body, new["properties"][name])
    if set(old.get("required", ())) != set(new.get("required", ())):
        yield f"{path or 'top'}: required changed"
    if old.get("additionalProperties") is False and new.get("additionalProperties") is not False:
        yield f"{path or 'top'}: a closed object was opened"


def _type_changes(path: str, old: Schema, new: Schema) -> Iterator[str]:
    for keyword in ("type", "$ref", "const", "format", "pattern", "contentMediaType"):
        if old.get(keyword) != new.get(keyword):
            yield f"{path or 'top'}: {keyword} changed"
    lost = [value for value in old.get("enum", ()) if value not in new.get("enum", ())]
    if lost:
        yield f"{path}: enum lost {lost}"
    yield from _alternatives(path, old, new)
    if "items" in old:
        yield from _type_changes(f"{path}[]", old["items"] or {}, new.get("items") or {})


def _alternatives(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = ([_essence(each) for each in schema.get("anyOf", ())] for schema in (old, new))
    if before != after:
        yield f"{path or 'top'}: alternatives changed"


def _essence(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "description"}
