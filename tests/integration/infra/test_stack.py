import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.polling import until

NAMES = ("kafka", "minio", "postgres")


class Command:
    """``mailweir`` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("MAILWEIR_")}
        if "MAILWEIR_CACHE" in os.environ:
            kept["MAILWEIR_CACHE"] = os.environ["MAILWEIR_CACHE"]
        return subprocess.run(
            [sys.executable, "-m", "services.cli.main", "stack", *arguments],
            env={**kept, **settings, "MAILWEIR_HOME": str(self.home)},
            capture_output=True, text=True, check=False, timeout=280,
        )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("status", "--json").stdout)
        return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The stack without Dovecot, up."""
    command = Command(tmp_path_factory.mktemp("home"))
    done = command("up", "--only", ",".join(NAMES))
    assert done.returncode == 0, done.stderr
    yield command
    assert command("down").returncode == 0


def test_all_run_and_are_healthy(stack: Command) -> None:
    until(lambda: _healthy(stack.facts()), 200, stack.facts, every=0.5)
    until(lambda: stack("status").returncode == 0, 200, stack.facts, every=0.5)


def test_a_second_up_changes_nothing(stack: Command) -> None:
    before = stack.facts()
    assert stack("up", "--only", ",".join(NAMES)).returncode == 0
    assert _pids(stack.facts()) == _pids(before)


def test_an_accounts_file_is_applied_at_each_start(tmp_path: Path) -> None:
    command, file = Command(tmp_path / "home"), tmp_path / "accounts.toml"
    (tmp_path / "code").write_text("canary-4711\n")
    file.write_text(f"[accounts.work]\nhost = 'h.example.org'\nuser = 'u'\nsecret_file = '{tmp_path / 'code'}'\n")
    wanted = ("up", "--only", "postgres", "--no-services")
    try:
        for told in ("account work: added, secret stored", "account work: unchanged"):
            done = command(*wanted, MAILWEIR_ACCOUNTS_FILE=str(file))
            assert (done.returncode, told in done.stderr) == (0, True), done.stderr
        file.write_text("[accounts.work]\nuser = 'u'\nhost = 'h'\nport = 0\n")
        done = command(*wanted, MAILWEIR_ACCOUNTS_FILE=str(file))
        assert (done.returncode, "work.port: 0" in done.stderr) == (2, True), done.stderr
    finally:
        assert command("down").returncode == 0


def test_env_lets_any_program_join(stack: Command) -> None:
    lines = stack("env").stdout.splitlines()
    names = {line.removeprefix("export ").partition("=")[0] for line in lines}
    assert names == {
        "MAILWEIR_HOME", "MAILWEIR_LOG", "MAILWEIR_KAFKA", "MAILWEIR_DATABASE_URL_FILE", "MAILWEIR_MASTER_KEY_FILE",
        "MAILWEIR_S3_ENDPOINT", "MAILWEIR_S3_BUCKET", "MAILWEIR_S3_ACCESS_KEY_FILE", "MAILWEIR_S3_SECRET_KEY_FILE",
    }  # fmt: skip
    shell = f'eval "$(cat)"; {sys.executable} -m services.cli.main status --json'
    joined = subprocess.run(["bash", "-c", shell], input="\n".join(lines), capture_output=True, text=True, check=True)
    assert json.loads(joined.stdout) == []


def test_the_console_serves_pages(stack: Command) -> None:
    address = stack.facts()["services"]["console"]["endpoints"]["pages"]
    with urllib.request.urlopen(f"{address}/signin", timeout=60) as answer:
        assert b'name="password"' in answer.read()


def test_a_killed_service_is_started_again(stack: Command) -> None:
    before = stack.facts()["services"]["parser"]["pid"]
    os.kill(before, signal.SIGKILL)
    until(lambda: stack.facts()["services"]["parser"]["pid"] != before, 200, stack.facts, every=0.5)
    until(lambda: _healthy(stack.facts()), 200, stack.facts, every=0.5)


def test_a_dead_component_is_one_line_and_a_failure_and_up_mends_it(stack: Command) -> None:
    os.kill(stack.facts()["components"]["minio"]["pid"], signal.SIGKILL)
    done = stack("status")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("mailweir: minio ended by itself")]
    assert stack("up", "--only", ",".join(NAMES)).returncode == 0
    assert stack.facts()["components"]["minio"]["state"] == "running"


def test_logs_of_one_and_of_none(stack: Command) -> None:
    assert '"service": "parser"' in stack("logs", "parser", "-n", "200").stdout
    assert stack("logs", "nothing").returncode == 2


def test_ports_are_changed_only_while_it_is_down(stack: Command) -> None:
    done = stack("up", "--port", "kafka.broker=9092")
    assert done.returncode == 2
    assert "mailweir stack down" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("status",), 1, "there is no stack in"),
        (("env",), 1, "mailweir stack up"),
        (("up", "--only", "redis"), 2, "no component is called redis"),
        (("up", "--port", "kafka"), 2, "is not NAME.PURPOSE=N"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path: Path, arguments: tuple[str, ...], code: int, text: str) -> None:
    done = Command(tmp_path)(*arguments)
    assert done.returncode == code
    assert text in done.stderr


def _pids(facts: dict[str, Any]) -> dict[str, int]:
    return {name: one["pid"] for name, one in (facts["components"] | facts["services"]).items()}


def _healthy(facts: dict[str, Any]) -> bool:
    """Everything runs; a service may be red for a moment, while Kafka moves partitions."""
    states = {name: one["state"] for name, one in (facts["components"] | facts["services"]).items()}
    running = dict.fromkeys([*NAMES, "attachments", "storer", "parser", "poller", "console", "keeper"], "running")
    return states == running and {one["health"] for one in facts["services"].values()} == {"green"}
