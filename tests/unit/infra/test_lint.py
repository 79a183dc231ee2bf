"""The house rules see what they are for."""

from pathlib import Path

import pytest

from infra import lint


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"(?:a|b)*+c", True),
        (r"(ab)++", True),
        (r"(?: x)?+", True),
        (r"(?>ab)", True),
        (r"[^?]*+(?:x[^?]*+)*", False),
        (r"\(++|\)++", False),
        (r"[)*+]", False),
    ],
)
def test_a_possessive_group_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, found: bool
) -> None:
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    file = tmp_path / "services" / "a.py"
    file.parent.mkdir()
    file.write_text(f'X = re.compile(r"{pattern}")\n')
    assert bool(list(lint.possessive_groups([file]))) is found
