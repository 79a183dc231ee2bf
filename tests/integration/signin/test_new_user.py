"""A new user at a terminal: from an address to found mail, and what each wrong answer on the way is told."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.common.postgres import embedded_postgres
from tests.fakes.imap_model import PASSWORD
from tests.integration.signin.commands import USER
from tests.polling import until

SECONDS = 60.0


class Terminal:
    """The commands of one user on a terminal of their own. ``asked`` counts the answers that were typed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.asked = 0

    def __call__(self, *words: str, answers: tuple[str, ...] = ()) -> tuple[int, str]:
        """Exit code and all that was shown; an answer is typed whenever a question waits."""
        ours, theirs = pty.openpty()
        environment = {"MAILWEIR_HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        command = [sys.executable, "-m", "services.cli.main", *words]
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
            os.close(theirs)
            shown = self._conversation(ours, list(answers))
            code = process.wait(SECONDS)
        os.close(ours)
        return code, shown

    def _conversation(self, terminal: int, answers: list[str]) -> str:
        shown, unanswered = "", ""
        while piece := _read(terminal):
            shown, unanswered = shown + piece, unanswered + piece
            if unanswered.endswith(": ") and answers:
                _until_hidden(terminal)
                os.write(terminal, answers.pop(0).encode() + b"\n")
                self.asked, unanswered = self.asked + 1, ""
        return shown


def _until_hidden(terminal: int) -> None:
    """A question for a secret first turns the echo off, and then drops what was typed too early."""
    until(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)


def _read(terminal: int) -> str:
    try:
        assert select.select([terminal], [], [], SECONDS)[0], "the command says nothing for a minute"
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # Linux: the other end is closed
        return ""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    home = tmp_path / "home"
    yield Terminal(home)
    embedded_postgres.stop(home)


def _where(server: dict[str, Any]) -> tuple[str, ...]:
    return "--host", "localhost", "--port", str(server["port"]), "--ca-file", server["ca"]


def test_from_an_address_to_found_mail_in_a_minute_with_one_slip(terminal: Terminal, server: dict[str, Any]) -> None:
    began = time.monotonic()
    code, shown = terminal("accounts", "add", USER, *_where(server), answers=("wrong", PASSWORD))
    assert code == 0, shown
    assert shown.count("→") == 1
    assert PASSWORD not in shown
    assert "next: mailweir sync" in shown
    assert terminal("sync")[0] == 0
    code, shown = terminal("search", "message")
    assert (code, "Message 3" in shown) == (0, True), shown
    assert terminal.asked <= 3
    assert time.monotonic() - began < SECONDS


WRONG = [
    (("sync",), 2, "accounts add ADDRESS"),
    (("check", "nobody"), 2, "accounts list"),
    (("accounts", "add", "me@"), 2, "me@example.org"),
    (("accounts", "add", "work"), 2, "mail address"),
    (("accounts", "add", "me@no-such-domain.invalid"), 5, "--host"),
    (("accounts", "add", USER, "--host", "localhost", "--port", "99999"), 2, "port"),
    (("accounts", "authorize", "nobody"), 2, "accounts list"),
    (("accounts", "add", USER, "--host", "localhost", "--ca-file", "/none.pem"), 2, "/none.pem"),
]


def test_each_wrong_word_is_one_helpful_line(terminal: Terminal) -> None:
    for words, code, told in WRONG:
        done, shown = terminal(*words)
        lines = [line for line in shown.splitlines() if line.strip()]
        assert (done, len(lines), told in shown) == (code, 1, True), shown
    assert terminal.asked == 0
