"""A scripted server that holds chosen answers back, so that a test meets a sync in the middle of its work for sure."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from services.common.postgres import embedded_postgres
from tests.e2e.commands import Mailweir
from tests.e2e.world import until
from tests.fakes.imap_model import PASSWORD, Command, Mailbox, Reply, Script, messages, on

BATCH = 25
_SIGNALS = "TEST_SIGNALS"  # the folder of the files by which server and test tell each other


def holding(count: int, held: Sequence[int]) -> Script:
    """So many messages; the requests for bodies of these numbers are answered when the test lets go of them."""
    hooks = [on("UID FETCH", partial(_hold, number), has="BODY.PEEK[]", skip=number - 1, times=1) for number in held]
    return Script({b"INBOX": Mailbox(messages(count, size=1500))}, hooks=hooks)


async def _hold(number: int, _command: Command, _reply: Reply) -> None:
    signals = Path(os.environ[_SIGNALS])
    (signals / f"held-{number}").touch()
    while not (signals / f"go-{number}").exists():  # noqa: ASYNC110 -- another process lets go
        await asyncio.sleep(0.02)


def let_go(signals: Path, number: int) -> None:
    """Let the server answer this request."""
    (signals / f"go-{number}").touch()


@contextmanager
def desk(folder: Path, script: str) -> Iterator[Mailweir]:
    """The command with account ``t`` on the server of this script; ``folder`` is also that of the signals."""
    mailweir = Mailweir(folder / "home")
    words = [sys.executable, "-m", "tests.fakes.imap_server", "--script", script, "--folder", str(folder)]
    environment = {**os.environ, _SIGNALS: str(folder)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            info = json.loads(server.stdout.readline())
            where = ["--host", "localhost", "--port", str(info["port"]), "--ca-file", info["ca"]]
            settings = [f"batch_messages={BATCH}", "login_min_interval=0", "command_timeout=300"]
            given = [word for setting in settings for word in ("--set", setting)]
            words = ["accounts", "add", "t", "--user", "user@example.com", *where, *given, "-"]
            added = mailweir(*words, stdin=PASSWORD)
            assert added.returncode == 0, added.stderr
            yield mailweir
        finally:
            server.kill()
            embedded_postgres.stop(mailweir.home)


def stored(mailweir: Mailweir) -> int:
    """Messages that have arrived; the ledger may know of them later."""
    found = json.loads(mailweir("status", "t", "--json").stdout)[0]["folders"]
    return sum(folder["stored"] for folder in found)


def caught(mailweir: Mailweir, signals: Path, number: int, least: int) -> "subprocess.Popen[str]":
    """A sync that waits for the answer to a held request, when at least so many messages are stored."""
    words = [sys.executable, "-m", "services.cli.main", "sync", "t"]
    process = subprocess.Popen(words, env=mailweir.env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until((signals / f"held-{number}").exists, 120, lambda: f"the sync ended with {process.poll()}")
        until(lambda: stored(mailweir) >= least, 120, lambda: f"{stored(mailweir)} stored instead of {least}")
        assert process.poll() is None
        helpers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(helpers) == (os.cpu_count() != 1), "a sync without a stack has a second process (ADR 0015)"
    except BaseException:
        kill(process)
        raise
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    """SIGKILL: no goodbye."""
    process.kill()
    process.communicate()


def is_stored_once(mailweir: Mailweir, count: int) -> bool:
    """Whether the ledger knows each message once and as stored."""
    lines = [json.loads(line) for line in mailweir("ledger", "t", "--json").stdout.splitlines()]
    assert sorted(line["uid"] for line in lines) == list(range(1, count + 1))
    assert {line["state"] for line in lines} == {"stored"}
    return True
