"""What Tab offers, as the shells ask for it; bash itself, as every test machine has it."""

import os
import pty
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from services.common.objects import NewObject
from services.common.postgres import embedded_postgres
from services.common.stores.folder import FolderStore
from tests.integration.commands.conftest import Home

FOLDERS = ("INBOX", "Sent Items", "Tom, Dick & co.", "$(touch owned)", "a:b=c@d", "合同", "\x1b[31mred")
INSERT = "INSERT INTO folders (id, account, wire, name, state) VALUES "
BIN = Path(sys.executable).parent


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{BIN}:{os.environ['PATH']}", "LANG": "C.UTF-8", "MAILWEIR_HOME": str(home), **more}


def offered(home: Path, line: str, shell: str = "bash", word: str = "") -> list[str]:
    """The answer to a shell with the cursor at the end of ``line``; zsh also tells a help for each."""
    words = {"bash": word, "zsh": str(len(f"{line}x".split()) - 1), "fish": line.rpartition(" ")[2]}
    asked = {"_MAILWEIR_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": words[shell]}
    command = [str(BIN / "mailweir")]
    done = subprocess.run(
        command, env=environment(home, **asked), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


@pytest.fixture
def named(home: Home, account: str) -> Path:
    for number, name in enumerate(FOLDERS):
        quoted = name.replace("'", "''").replace(":", r"\:")
        home.change(INSERT + f"('f{number}', 'work', '{number}', '{quoted}', 'live')")
    home.change(INSERT + "('g', 'other', '', 'Theirs', 'live')")
    return home.path


@pytest.mark.parametrize("command", ["status", "sync one", "accounts pause", "search x --account"])
def test_names_of_accounts(named: Path, command: str) -> None:
    assert offered(named, f"mailweir {command} ") == ["plain,work"]


def test_only_what_begins_as_typed(named: Path) -> None:
    assert offered(named, "mailweir check wo", word="wo") == ["plain,work"]
    assert offered(named, "mailweir check me", word="me") == []


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_names_of_folders_are_those_of_the_account(named: Path, shell: str) -> None:
    ours = sorted(f"plain,{name}" for name in FOLDERS if name.isprintable())
    assert sorted(offered(named, "mailweir search x --folder ", shell)) == sorted([*ours, "plain,Theirs"])
    assert sorted(offered(named, "mailweir search x --account work --folder ", shell)) == ours
    assert offered(named, "mailweir export --account other --folder ", shell) == ["plain,Theirs"]


def test_a_value_behind_an_equals_sign_keeps_its_option(named: Path) -> None:
    line = "mailweir search x --folder=IN"
    assert offered(named, line, word="IN") == ["plain,INBOX"]  # bash replaces what is behind the sign
    assert offered(named, line, "zsh") == ["plain", "--folder=INBOX", "_"]
    assert offered(named, line, "fish") == ["plain,--folder=INBOX"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mailweir accounts set work poll", ["plain,poll_interval="]),
        ("mailweir accounts add x --set daily", ["plain,daily_bytes="]),
        ("mailweir accounts add x --tls s", ["plain,starttls"]),
        ("mailweir accounts add x --auth xo", ["plain,xoauth2"]),
        ("mailweir accounts secret work --secret-file ", ["file,"]),
        ("mailweir parse ./a", ["file,./a"]),
        ("mailweir dlq list --topic mail.fe", ["plain,mail.fetched"]),
        ("mailweir stack logs pa", ["plain,parser"]),
        ("mailweir stack up --only ka", ["plain,kafka"]),
        ("mailweir check work --lang z", ["plain,zh"]),
        ("mailweir users remove ", []),
        ("mailweir accounts add ", []),
    ],
)
def test_words_of_the_program(named: Path, line: str, expected: list[str]) -> None:
    assert offered(named, line, word=line.rpartition(" ")[2]) == expected


def test_nothing_is_started_or_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert offered(home, "mailweir status ") == []
    assert not home.exists()
    FolderStore(home / "objects", "mailweir").put(NewObject("work/messages/x.eml", b"mail", "message/rfc822", {}))
    before = sorted(home.rglob("*"))
    assert offered(home, "mailweir status ") == ["plain,work"]
    assert offered(home, "mailweir search x --folder ") == []
    assert sorted(home.rglob("*")) == before


def test_accounts_without_mail_are_offered_where_the_database_sleeps(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        for words in (["add", "ann"], ["add", "bob"], ["remove", "ann"]):
            more = ["--host", "localhost", "--user", "u"] if words[0] == "add" else []
            command = [sys.executable, "-m", "services.cli.main", "accounts", *words, *more]
            subprocess.run(command, env=environment(home), stdin=subprocess.DEVNULL, timeout=120, check=True)
    finally:
        embedded_postgres.stop(home)
    assert offered(home, "mailweir status ") == ["plain,bob"]
    assert embedded_postgres.running(home) is None


def test_a_database_that_does_not_answer_costs_no_more_than_a_moment(tmp_path: Path) -> None:
    urls = ("postgresql://u:secret@127.0.0.1:1/none", "no address", "postgresql://u@127.0.0.1/x?nonsense=1")
    for url in urls:
        asked = environment(tmp_path, MAILWEIR_DATABASE_URL=url, _MAILWEIR_COMPLETE="bash_complete")
        asked |= {"COMP_WORDS": "mailweir status ", "COMP_CWORD": ""}
        done = subprocess.run([str(BIN / "mailweir")], env=asked, capture_output=True, timeout=20, check=False)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"", b"")


TYPED = {
    "--folder Se": "<--folder><Sent Items>",
    "--folder 'Se": "<--folder><Sent Items>",
    "--folder=Se": "<--folder=Sent Items>",
    "--folder To": "<--folder><Tom, Dick & co.>",
    "--folder '$": "<--folder><$(touch owned)>",
    "--folder 合": "<--folder><合同>",
    "--folder a:": "<--folder><a:b=c@d>",
    "--folder a:b=": "<--folder><a:b=c@d>",
    "--account w": "<--account><work>",
}


def test_bash_takes_any_name_as_one_word(named: Path) -> None:
    seen = typed_in_bash(
        named, *(f"mailweir search {line}\t\x01printf '<%s>' " for line in TYPED)
    )  # Ctrl-A: to the left
    words = [line.partition(">>")[0] + ">" for line in seen.splitlines() if line.startswith("<mailweir>")]
    assert words == [f"<mailweir><search>{expected}" for expected in TYPED.values()]
    assert not (named / "owned").exists()


def typed_in_bash(home: Path, *lines: str) -> str:
    """What an interactive bash with the completion shows."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home)
        os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment(home, TERM="dumb", PS1="> "))
    source = 'eval "$(_MAILWEIR_COMPLETE=bash_source mailweir)"'
    os.write(terminal, "".join(f"{line}\r" for line in (source, *lines, "exit")).encode())
    seen, deadline = b"", time.monotonic() + 120
    with suppress(OSError):  # the terminal is gone with its shell
        while time.monotonic() < deadline and select.select([terminal], [], [], 60)[0]:
            seen += os.read(terminal, 65536)
    os.close(terminal)
    os.waitpid(pid, 0)
    return seen.decode()
