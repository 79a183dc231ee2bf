"""A sync that is killed with SIGKILL again and again: in the end every message is stored once."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from services.common import embedded_postgres
from tests.fakes.imap_model import PASSWORD, Mailbox, Script, messages

COUNT, KILLS = 1200, 4


def many() -> Script:
    return Script({b"INBOX": Mailbox(messages(COUNT, size=1500))})


def mailweir(home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAILWEIR_HOME": str(home)}
    command = [sys.executable, "-m", "services.cli.main", *arguments]
    return subprocess.run(
        command, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=120
    )


def published(home: Path) -> int:
    found = json.loads(mailweir(home, "status", "t", "--json").stdout)[0]["folders"]
    return sum(folder["published"] for folder in found)


def killed(home: Path, known: int) -> None:
    """Start a sync and kill it when it has published some more, or when it is through."""
    environment = {**os.environ, "MAILWEIR_HOME": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", "sync", "t"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and published(home) < known and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()


def test_kill_9_loses_nothing_and_repeats_nothing(tmp_path):
    home = tmp_path / "home"
    arguments = [sys.executable, "-m", "tests.fakes.imap_server", "--script", f"{__name__}:many"]
    with subprocess.Popen([*arguments, "--folder", str(tmp_path)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            info = json.loads(server.stdout.readline())
            where = ["--host", "localhost", "--port", str(info["port"]), "--ca-file", info["ca"]]
            settings = ["--set", "login_min_interval=0", "--set", "batch_messages=25"]
            added = mailweir(
                home, "accounts", "add", "t", "--user", "user@example.com", *where, *settings, "-", stdin=PASSWORD
            )
            assert added.returncode == 0, added.stderr
            for number in range(KILLS):
                killed(home, known=(number + 1) * COUNT // (KILLS + 2))
            final = mailweir(home, "sync", "t")
            assert final.returncode == 0, final.stderr
            lines = [json.loads(line) for line in mailweir(home, "ledger", "t", "--json").stdout.splitlines()]
            assert sorted(line["uid"] for line in lines) == list(range(1, COUNT + 1))
            assert {line["state"] for line in lines} == {"stored"}
        finally:
            server.kill()
            embedded_postgres.stop(home)
