"""What a person sees on a terminal of any width, and a program in a pipe."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from services.common.errors import ConfigurationError
from tests.fakes.mail_events import message
from tests.integration.commands.conftest import Home

LONG = "合同 " + "Verlängerung " * 40


def on_a_terminal(home: Home, *words: str) -> tuple[int, bytes]:
    """Exit code of a command, and what it writes to its terminal."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", **home.environment}
    command = [sys.executable, "-m", "services.cli.main", *words]
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the last writer is gone
            while more := os.read(ours, 65536):
                seen += more
    os.close(ours)
    return process.returncode, seen


async def test_raw_mail_moves_no_cursor_of_a_terminal_and_is_exact_in_a_pipe(home: Home) -> None:
    raw = message("raw", "body \x1b[2J\x9b \x07 合同", Message_ID="<r@x>").as_bytes()
    await home.take(raw)
    number = str(home.value("SELECT id FROM emails"))
    assert home.run("show", number, "--raw").stdout_bytes == raw
    code, seen = on_a_terminal(home, "show", number, "--raw")
    assert (code, b"\x1b" in seen, b"\x07" in seen) == (0, False, False)
    assert b"Subject: raw" in seen


async def test_an_mbox_is_not_for_a_terminal(home: Home) -> None:
    code, seen = on_a_terminal(home, "export", "--format", "mbox", "--to", "-")
    assert (code, b"name a file" in seen) == (2, True)


async def test_a_row_is_one_line_in_a_pipe_and_as_wide_as_columns_say(home: Home) -> None:
    await home.take(message(LONG, "x", Message_ID="<l@x>").as_bytes())
    in_a_pipe = {name: value for name, value in home.environment.items() if name != "COLUMNS"}
    narrow = Home(home.context, home.path, {**in_a_pipe, "COLUMNS": "80"}).process("search", "合同").stdout
    wide = Home(home.context, home.path, in_a_pipe).process("search", "合同").stdout
    assert [line for line in wide.splitlines() if LONG.strip() in line]
    assert len(narrow.splitlines()) > len(wide.splitlines())


async def test_nothing_is_cut_in_a_narrow_table(home: Home) -> None:
    await home.take(message("合同" * 30, "x", Message_ID="<n@x>").as_bytes())
    shown = Home(home.context, home.path, {**home.environment, "COLUMNS": "60"}).process("search", "合同").stdout
    assert (shown.count("合"), shown.count("同"), "…" in shown) == (30, 30, False)


async def test_a_search_says_that_there_is_more(stored: Home) -> None:
    some, every = stored.run("search", "ada", "--limit", "3"), stored.run("search", "ada", "--limit", "4")
    assert "these are the newest 3; there are more" in some.stderr
    assert "there are more" not in every.stderr
    assert len(stored.lines("search", "ada", "--limit", "3", "--json")) == 3


def test_a_file_in_no_folder_is_told_with_what_to_do(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"there is no folder {tmp_path}/none; make it"):
        home.run("export", "--format", "jsonl", "--to", str(tmp_path / "none" / "all.jsonl"))
