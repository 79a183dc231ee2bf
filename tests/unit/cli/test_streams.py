"""Streams that are closed, other locales, no colour, Ctrl-C: what is told, and that nothing breaks."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO

import click
import pytest
from click.testing import CliRunner

from services.cli.check import _print
from services.cli.main import cli
from services.common.errors import ConfigurationError
from services.common.settings import Settings
from services.front.context import open_context
from tests.polling import until

MAIL = "From: 王小梅 <wang@x.example>\nSubject: 合同\n\n请查收\n"
COMMAND = [sys.executable, "-m", "services.cli.main"]
FULL = 60_000  # octets: a pipe of Linux takes 64 KiB


@pytest.mark.parametrize(
    ("words", "closed", "told"),
    [
        ("parse -", "<&-", "standard input is closed"),
        ("parse letter.eml", ">&-", "standard output is closed"),
        ("accounts add w --host h --user u -", "<&-", "standard input is closed"),
        ("users add ann", "<&-", "there is no terminal to ask on"),
    ],
)
def test_a_closed_stream_is_one_line(tmp_path: Path, words: str, closed: str, told: str) -> None:
    (tmp_path / "letter.eml").write_text(MAIL)
    line = f'cd "$1"; shift; exec "$@" {closed}'
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "MAILWEIR_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", str(tmp_path), *COMMAND, *words.split()],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert told in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("words", ["--version", "parse letter.eml", "parse --json letter.eml"])
def test_a_full_disk_below_the_output_is_one_line(tmp_path: Path, words: str) -> None:
    """As most people have it, with a buffer before the file: Python ended with 120 and three lines of its own."""
    (tmp_path / "letter.eml").write_text(MAIL)
    with Path("/dev/full").open("wb") as full:
        done = poured(tmp_path, words, full)
    assert (done.returncode, done.stderr) == (1, "mailweir: standard output: No space left on device\n")


@pytest.mark.parametrize("words", ["--version", "parse --json letter.eml"])
def test_output_that_nobody_reads_is_the_end_without_a_word(tmp_path: Path, words: str) -> None:
    (tmp_path / "letter.eml").write_text(MAIL)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = poured(tmp_path, words, pipe)
    assert (done.returncode, done.stderr) == (1, "")


def poured(folder: Path, words: str, output: BinaryIO) -> "subprocess.CompletedProcess[str]":
    """A command whose standard output goes there."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "LC_ALL": "C.UTF-8"}
    environment.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(
        [*COMMAND, *words.split()],
        cwd=folder, env=environment, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_is_kept_to(monkeypatch: pytest.MonkeyPatch, no_color: str) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    command = click.command()(lambda: _print("✓ TLS", "ok"))
    shown = CliRunner().invoke(command, color=True).output
    assert ("\x1b" in shown) == (not no_color)
    assert "✓" in shown


def test_single_files_go_to_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["export", "--to", "-"], env={"MAILWEIR_HOME": "home"})
    assert (done.exit_code, isinstance(done.exception, ConfigurationError)) == (1, True)
    assert "--format" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_used_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=r"file/home.*MAILWEIR_HOME"),
        open_context(Settings(home=tmp_path / "file" / "home")),
    ):
        pass


@pytest.mark.parametrize("arrived", [0, 1, FULL], ids=["while-processes-start", "at-work", "while-its-reader-waits"])
def test_ctrl_c_ends_all_processes_of_a_parse_without_a_traceback(arrived: int) -> None:
    letter = b"From a@x.example Tue Sep  1 08:00:00 2026\n" + MAIL.encode() + b"\n"
    command = [*COMMAND, "parse", "--json", "--jobs", "2", "-"]
    with (
        TemporaryDirectory() as short,  # a socket's path has at most 107 octets
        subprocess.Popen(
            command, env={**os.environ, "TMPDIR": short}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        assert process.stdin
        assert process.stdout
        process.stdin.write(letter * 300)
        process.stdin.flush()
        output = process.stdout
        until(lambda: waiting(output) >= arrived if arrived else len(children(process.pid)) > 1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert list(Path(short).iterdir()) == []
    assert process.returncode == -signal.SIGINT
    assert (err.count(b"\n"), b"mailweir: stopped; " in err) == (2, True)
    subjects = {json.loads(line)["subject"] for line in out.split(b"\n")[:-1]}
    assert subjects == {"合同"} or not (arrived or subjects)


def waiting(pipe: IO[bytes]) -> int:
    """Octets that nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_what_a_terminal_cannot_show_is_replaced(tmp_path: Path) -> None:
    """Latin-1 has neither a combining accent nor Chinese."""
    code = "from services.cli import main; main.cli = lambda **_: print('Rene\u0301 é 合同'); main.main()"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "MAILWEIR_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=60, check=True)
    assert done.stdout == "Rene? é ??\n".encode("latin-1")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_time_out_is_above_nothing(seconds: str) -> None:
    done = CliRunner().invoke(cli, ["sync", "--timeout", seconds])
    assert done.exit_code == 2
    assert "no number of seconds" in done.output


@pytest.mark.parametrize("typed", ["yesterday", "2026-13-01", "22.11.2026"])
def test_a_day_is_told_by_an_example(typed: str) -> None:
    done = CliRunner().invoke(cli, ["search", "--since", typed, "invoice"])
    assert done.exit_code == 2
    assert f"'{typed}' is no day such as 2026-11-22" in done.output
