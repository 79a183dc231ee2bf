import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from services.common.accounts.store import AccountStore, open_accounts
from tests.databases import FILLED, connected, running
from tests.fakes.clock import FakeClock
from tests.integration.signin.commands import Done, Run

_ACCOUNTS = ("accounts", "account_keys", "account_secrets", "account_grants", "account_status")
TABLES = ", ".join(dict.fromkeys((*_ACCOUNTS, *FILLED)))


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    with connected(database_url) as made:
        yield made


@pytest.fixture
def store(engine: Engine, tmp_path: Path) -> AccountStore:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES} CASCADE"))
        connection.execute(text("UPDATE account_changes SET marker = 0"))
    return open_accounts(engine, tmp_path / "home", {})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def run(store: AccountStore, database_url: str, tmp_path: Path) -> Run:
    home = {"MAILWEIR_HOME": str(tmp_path / "home"), "MAILWEIR_DATABASE_URL": database_url, "PATH": os.environ["PATH"]}

    def start(*words: str, stdin: str = "", **environment: str) -> Done:
        command = [sys.executable, "-m", "services.cli.main", *words]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=home | environment, timeout=150, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return start


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, Any]]:
    words = [
        "-m",
        "tests.fakes.imap_server",
        "--script",
        "tests.integration.signin.commands:script",
        "--folder",
        str(tmp_path),
    ]
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.terminate()
