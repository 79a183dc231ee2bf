from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from services.cli.demo_show import _next_steps
from services.cli.status import looked, show_folders, table
from services.common.completeness import FolderStatus


def _folder(name: str, listed: int) -> FolderStatus:
    none = dict.fromkeys(("pending", "quarantined", "vanished", "missing"), 0)
    return FolderStatus(
        folder=name, wire=name, uidvalidity=1, listed=listed, published=listed, stored=listed, **none,
        last_pass=None, last_error=None, epoch=1, state="active",
    )  # fmt: skip


def test_80_columns_hold_every_heading_and_the_sum_stands_below() -> None:
    out = StringIO()
    Console(file=out, width=80).print(table((_folder("合同", 1_000_000), _folder("[x] Projects/2026", 2))))
    text = out.getvalue()
    for name in ("folder", "listed", "stored", "pending", "quarantined", "vanished", "missing", "合同"):
        assert name in text
    assert "1000002" in text.splitlines()[-2]


def test_a_narrow_terminal_shows_every_name_and_every_number() -> None:
    out = StringIO()
    show_folders(Console(file=out, width=40), (_folder("合同", 1_000_000), _folder("[x] Projects/2026", 2)))
    text = out.getvalue()
    for part in ("合同", "[x] Projects/2026", "listed 1000000", "quarantined 0", "missing 0"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 40


@pytest.mark.parametrize("width", [80, 40])
def test_a_folder_whose_name_would_move_the_cursor_does_not(width: int) -> None:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    show_folders(console, (_folder("a\x1b[2J\x9b1m\u202eb\rc", 1),))
    assert "a�[2J�1m�b�c" in out.getvalue()
    assert not {"\x1b", "\x9b", "\u202e", "\r"} & set(out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", ""))


def test_when_somebody_last_looked_is_said_and_what_nobody_has_read() -> None:
    first, second = (datetime(2026, 11, 21, hour, 5, tzinfo=UTC) for hour in (8, 9))
    seen = [replace(_folder("a", 1), last_pass=when) for when in (second, first)]
    assert looked(tuple(seen)) == "last look 2026-11-21 09:05 UTC"
    assert looked((*seen, _folder("b", 0))) == "last look 2026-11-21 09:05 UTC, 1 of 3 folders not read yet"
    assert looked((_folder("b", 0),)) == "no look yet, 1 of 1 folders not read yet"


def test_the_demo_tells_how_to_reach_a_command_that_is_not_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    steps = _next_steps(Path("/a home"), {}).splitlines()
    assert steps[1].endswith("bin/activate")
    assert steps[2] == "  export MAILWEIR_HOME='/a home'"
    assert steps[-1].startswith("  unset MAILWEIR_HOME ")
    assert _next_steps(Path("/a home"), {"MAILWEIR_HOME": "/a home"}).splitlines() == steps


def test_the_demo_tells_what_leads_elsewhere_in_a_shell_that_joined_a_stack() -> None:
    before = {"MAILWEIR_HOME": "/mine", "MAILWEIR_DATABASE_URL": "postgresql://u:secret@h/n", "MAILWEIR_KAFKA": "h:1"}
    steps = _next_steps(Path("/demo"), before)
    assert "  unset MAILWEIR_DATABASE_URL MAILWEIR_KAFKA  #" in steps
    assert steps.splitlines()[-1].startswith("  export MAILWEIR_HOME=/mine ")
    assert "secret" not in steps
