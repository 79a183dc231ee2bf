"""The fake server as a program of its own, for runs of the command line."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from services.poller.imap.model import Credentials, Endpoint
from services.poller.imap.session import Session
from tests.fakes.imap_model import PASSWORD


def test_the_program_prints_its_port_and_writes_its_record(tmp_path):
    record = tmp_path / "record.json"
    command = [sys.executable, "-m", "tests.fakes.imap_server", "--script", "tests.fakes.imap_scenarios:plain"]
    command += ["--folder", str(tmp_path), "--record", str(record)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        asyncio.run(_look(told["port"], Path(told["ca"])))
        process.terminate()
        assert process.wait(10) == 0
    lines = [line for _, line in json.loads(record.read_text())]
    assert [line.split()[0] for line in lines] == ["CAPABILITY", "LOGIN", "CAPABILITY", "EXAMINE", "LOGOUT"]


async def _look(port: int, ca_file: Path) -> None:
    session = await Session.open(Endpoint("localhost", port, ca_file=ca_file))
    await session.sign_in(Credentials("user@example.com", PASSWORD))
    assert (await session.examine(b"INBOX")).exists == 12
    await session.logout()
