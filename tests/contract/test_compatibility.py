"""Contracts only grow inside a major: each schema is held against the one on the main branch."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from services.common.compatibility import breaking_changes

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


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def base_commit() -> str:
    """The main branch as others have it; on main itself, the state before the newest change of the schemas."""
    named = os.environ.get("MAILWEIR_SCHEMA_BASE") or git("rev-parse", "--verify", "--quiet", "origin/main")
    if named and named != git("rev-parse", "HEAD"):
        return named
    newest = git("log", "-1", "--format=%H", "--", "schemas/events", "schemas/headers")
    return git("rev-parse", "--verify", "--quiet", f"{newest}^") or newest


def waivers() -> set[str]:
    entries = tomllib.loads((ROOT / "schemas" / "waivers.toml").read_text(encoding="utf-8")).get("waiver", [])
    assert all(entry["reason"] for entry in entries)
    return {f"{entry['schema']}: {entry['change']}" for entry in entries}


def test_every_schema_only_grew_since_main() -> None:
    base = base_commit()
    assert base, "this test needs the git history"
    problems = []
    for path in git("ls-tree", "-r", "--name-only", base, "--", "schemas/events", "schemas/headers").splitlines():
        now = ROOT / path
        if not now.exists():
            problems.append(f"{now.name}: removed")
            continue
        old = json.loads(git("show", f"{base}:{path}"))
        problems += [
            f"{now.name}: {change}" for change in breaking_changes(old, json.loads(now.read_text(encoding="utf-8")))
        ]
    assert set(problems) <= waivers()
