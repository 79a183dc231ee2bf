"""docs/settings.md has each variable once, with the default that the code has."""

import re
from pathlib import Path

from services.common.environment import FILE, PREFIX, SETTINGS
from tests.unit.common.test_environment import kinds

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) ?\| .+ \|$", PAGE, re.MULTILINE)


def test_each_variable_has_one_row() -> None:
    files = {name for name in SETTINGS if name.endswith(FILE) and name.removesuffix(FILE) in SETTINGS}
    assert sorted(name for name, _ in ROWS) == sorted(SETTINGS - files)
    assert all(f"`{name.removeprefix(PREFIX).removesuffix(FILE)}`" in PAGE for name in files)


def test_each_default_is_that_of_the_code() -> None:
    told = dict(ROWS)
    for kind in kinds():
        for name, field in kind.model_fields.items():
            if not field.is_required():
                assert told[kind.variable(name)] == _shown(field.default)


def _shown(default: object) -> str:
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
