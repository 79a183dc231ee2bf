"""The corpus of our own: every hard case with what must come out, after what real mail holds."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.parser.mime import Parsed
from tests.mail_invariants import check_streamed, checked

CORPUS = Path(__file__).parents[2] / "corpus"
CASES = sorted(CORPUS.rglob("*.eml"))


def test_the_corpus_is_whole() -> None:
    assert len(CASES) >= 320
    assert {path.parent.name for path in CASES} == {"rfc", "malformed", "legacy", "multilingual"}
    assert all(path.with_suffix(".json").exists() for path in CASES)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_hard_case(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
    why = expected.pop("why")
    raw = path.read_bytes()
    parsed = checked(raw)
    check_streamed(raw, parsed)
    mismatches = list(differences(seen(parsed), expected))
    assert not mismatches, f"{why}: {mismatches}"


def seen(parsed: Parsed) -> dict[str, Any]:
    """The event as its readers see it, with the contents of the files and the codes of the defects."""
    event: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(parsed.email))
    event["defectCodes"] = {defect.code for defect in parsed.email.mailweir.defects}
    event["files"] = [
        {"name": file.name, "safeName": file.safe_name, "type": file.type, "text": (file.data or b"").decode("latin-1")}
        for file in parsed.files
    ]
    return event


def differences(found: Any, expected: Any, at: str = "") -> list[str]:
    """Where ``found`` lacks what is expected: objects by their named keys, lists item by item."""
    if at.endswith("defectCodes"):
        return [f"{at}: no {code} in {sorted(found)}" for code in expected if code not in found]
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = (differences(found.get(key, "(absent)"), value, f"{at}.{key}") for key, value in expected.items())
        return [line for lines in keys for line in lines]
    if isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            return [f"{at}: {len(found)} items instead of {len(expected)}: {str(found)[:300]}"]
        pairs = (differences(f, e, f"{at}[{n}]") for n, (f, e) in enumerate(zip(found, expected, strict=True)))
        return [line for lines in pairs for line in lines]
    return [] if found == expected else [f"{at}: {found!r} instead of {expected!r}"]
