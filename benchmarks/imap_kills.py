"""kill -9 of a sync at 50 random moments during 5,000 messages: ``python -m benchmarks.imap_kills``.

In the end each message is stored, once. Takes about two minutes; a small version of it runs with the tests.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bars import Bar, held
from services.common.postgres import embedded_postgres
from tests.fakes.imap_model import PASSWORD, Mailbox, Script, messages, on

COUNT, KILLS, SEED = 5_000, 50, 7
BARS = {
    "killed_at_work": Bar(KILLS // 2, at_least=True),
    "exit": Bar(0),
    "places": Bar(COUNT, at_least=True),
    "places_too_many": Bar(0),
    "missing": Bar(0),
    "repeated": Bar(0),
}


def many() -> Script:
    """5,000 messages from a server that takes 30 ms for each answer, so that there is something to interrupt."""
    slow = on("UID FETCH", lambda _command, reply: setattr(reply, "stall", 0.03))
    return Script({b"INBOX": Mailbox(messages(COUNT, size=1500))}, hooks=[slow])


def _mailweir(home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAILWEIR_HOME": str(home)}
    command = [sys.executable, "-m", "services.cli.main", *arguments]
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)


def _killed(home: Path, seconds: float) -> bool:
    """Start a sync and kill it after so long; False when it was through before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", "sync", "t"],
        env={**os.environ, "MAILWEIR_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


def _run(home: Path, info: dict[str, str]) -> dict[str, float]:
    where = ["--host", "localhost", "--port", str(info["port"]), "--ca-file", info["ca"]]
    settings = ["--set", "login_min_interval=0", "--set", "batch_messages=20"]
    _mailweir(home, "accounts", "add", "t", "--user", "user@example.com", *where, *settings, "-", stdin=PASSWORD)
    chance = random.Random(SEED)
    hit = sum(_killed(home, chance.uniform(0.4, 1.6)) for _ in range(KILLS))
    final = _mailweir(home, "sync", "t").returncode
    lines = [json.loads(line) for line in _mailweir(home, "ledger", "t", "--json").stdout.splitlines()]
    stored = [line["uid"] for line in lines if line["state"] == "stored"]
    missing, repeated = COUNT - len(set(stored)), len(stored) - len(set(stored))
    counts = {"places": len(lines), "places_too_many": max(0, len(lines) - COUNT), "repeated": repeated}
    return {"killed_at_work": hit, "exit": final, "missing": missing, **counts}


def run() -> dict[str, float]:
    """How many syncs were killed at work, and what the ledger says in the end."""
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "tests.fakes.imap_server", "--script", "benchmarks.imap_kills:many"]
        with (
            Path(os.devnull).open("w") as nowhere,
            subprocess.Popen(
                [*program, "--folder", folder], stdout=subprocess.PIPE, stderr=nowhere, text=True
            ) as server,
        ):
            assert server.stdout is not None
            home = Path(folder) / "home"
            try:
                return _run(home, json.loads(server.stdout.readline()))
            finally:
                server.kill()
                embedded_postgres.stop(home)


if __name__ == "__main__":
    result = run()
    print(json.dumps(result))
    sys.exit(0 if held(result, BARS) else 1)
