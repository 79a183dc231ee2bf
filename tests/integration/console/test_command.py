"""``mailweir console`` as one person starts it: a link on the terminal, nothing else to set up."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.common.postgres import embedded_postgres
from tests.e2e.commands import Mailweir
from tests.integration.console.cast import HTML, PATIENCE


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    home: Path = tmp_path_factory.mktemp("desk")
    command = [sys.executable, "-m", "services.cli.main", "console", "--port", "0"]
    with subprocess.Popen(command, env=Mailweir(home).env(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline(), process
        if process.poll() is None:
            process.terminate()
    embedded_postgres.stop(home)


def test_the_printed_link_opens_the_console_once(console: tuple[str, "subprocess.Popen[str]"]) -> None:
    told, process = console
    link = re.search(r"http://127\.0\.0\.1:\d+/signin/link\?token=[\w-]{43}", told)
    assert link is not None, told
    with httpx.Client(headers=HTML, follow_redirects=True, timeout=PATIENCE) as browser:
        assert "sign" not in str(browser.get(link[0]).url)
    assert httpx.get(link[0], headers=HTML, timeout=PATIENCE).status_code == 401
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert link[0][-43:].encode() not in arguments


def test_it_ends_within_seconds_when_told_to(console: tuple[str, "subprocess.Popen[str]"]) -> None:
    process = console[1]
    process.terminate()
    assert process.wait(60) == 0
