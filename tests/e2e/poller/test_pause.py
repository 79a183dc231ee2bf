"""A sync that is paused past its lease (SIGSTOP): another takes over, and the paused one stops when it comes back."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from services.common import embedded_postgres
from services.common.database import engine_for
from tests.e2e.poller.test_kill import mailweir, published
from tests.fakes.imap_model import PASSWORD, Mailbox, Script, messages, on
from tests.fakes.imap_variants import reply_with

COUNT = 1500


def many() -> Script:
    """The ninth request for bodies, of about sixty, is answered late: time to pause the sync in the middle of it."""
    slow = on("UID FETCH", reply_with(stall=12.0), has="BODY.PEEK[]", skip=8, times=1)
    return Script({b"INBOX": Mailbox(messages(COUNT, size=1500))}, hooks=[slow])


def paused(home: Path) -> subprocess.Popen[str]:
    """A sync that was stopped in the middle of its work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", "sync", "t"],
        env={**os.environ, "MAILWEIR_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while published(home) < COUNT // 10:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    return process


def lease_ends(home: Path) -> None:
    """As if a minute had passed."""
    engine = engine_for(embedded_postgres.ensure(home))
    with engine.begin() as connection:
        connection.execute(text("UPDATE leases SET expires_at = now() - interval '1 second'"))
    engine.dispose()


def test_a_paused_sync_is_replaced_and_stops_when_it_comes_back(tmp_path):
    home = tmp_path / "home"
    arguments = [sys.executable, "-m", "tests.fakes.imap_server", "--script", f"{__name__}:many"]
    with subprocess.Popen([*arguments, "--folder", str(tmp_path)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            info = json.loads(server.stdout.readline())
            where = ["--host", "localhost", "--port", str(info["port"]), "--ca-file", info["ca"]]
            settings = ["--set", "login_min_interval=0", "--set", "batch_messages=25"]
            mailweir(home, "accounts", "add", "t", "--user", "user@example.com", *where, *settings, "-", stdin=PASSWORD)
            first = paused(home)
            try:
                refused = mailweir(home, "sync", "t")
                assert refused.returncode == 3
                assert "another process" in refused.stderr
                lease_ends(home)
                assert mailweir(home, "sync", "t").returncode == 0
                first.send_signal(signal.SIGCONT)
                _, said = first.communicate(timeout=30)
                assert first.returncode == 3
                assert "another process works on account t now" in said
            finally:
                first.kill()
                first.communicate()
            lines = [json.loads(line) for line in mailweir(home, "ledger", "t", "--json").stdout.splitlines()]
            assert sorted(line["uid"] for line in lines) == list(range(1, COUNT + 1))
            assert {line["state"] for line in lines} == {"stored"}
        finally:
            server.kill()
            embedded_postgres.stop(home)
