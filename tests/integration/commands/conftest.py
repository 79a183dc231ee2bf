"""Stored mail in an embedded home, and the command on it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from services.cli.main import cli
from services.common.accounts.store import Account
from services.common.postgres import embedded_postgres
from services.common.secret import Secret
from services.common.settings import Settings
from services.front.context import Context, open_context
from services.front.embedded import publisher
from tests.databases import FILLED
from tests.dovecot_server import Dovecot, running
from tests.fakes.mail_events import fetched, message, with_file

TABLES = FILLED
# Whatever tables there are: a test that fails leaves rows of accounts and users.
EMPTIED = """DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' CASCADE'
FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'); END $$"""
MAIL = [
    with_file(message("第三季度合同", "请查收附件", Message_ID="<a@x>"), b"%PDF-1 first", "合同.pdf").as_bytes(),
    message("Re: 合同", "From here it works\n>From there too", Message_ID="<b@x>", References="<a@x>").as_bytes(),
    with_file(
        message("Invoice 7", "the invoice", Message_ID="<c@x>"), b"PK\x03\x04", "../../evil.exe", "zip"
    ).as_bytes(),
    message("\x1b[31mred", "escape \x1b]0;title\x07 sequences", Message_ID="<d@x>").as_bytes(),
]


@dataclass
class Home:
    context: Context
    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str) -> Result:
        """The command in a thread of its own, as it may run a loop."""
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(CliRunner().invoke, cli, words, env=self.environment).result()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def process(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command as a process of its own, with what a failure becomes."""
        command = [sys.executable, "-m", "services.cli.main", *words]
        environment = {"PATH": os.environ["PATH"], **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)

    def started(self, *words: str) -> "subprocess.Popen[bytes]":
        """The same, not waited for."""
        command = [sys.executable, "-m", "services.cli.main", *words]
        return subprocess.Popen(
            command, env={"PATH": os.environ["PATH"], **self.environment}, stderr=subprocess.DEVNULL
        )

    def lines(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run(*words).stdout.splitlines()]

    def value(self, query: str) -> Any:
        with self.context.engine.connect() as connection:
            return connection.execute(text(query)).scalar()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.context.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def change(self, query: str) -> None:
        with self.context.engine.begin() as connection:
            connection.execute(text(query))

    def objects(self) -> list[Path]:
        top = self.path / "objects" / "mailweir"
        return sorted(path for path in top.rglob("*") if path.is_file() and ".incoming" not in path.parts)

    async def take(self, *raws: bytes, account: str = "work") -> None:
        events = [fetched(raw, uid, account=account) for uid, raw in enumerate(raws, 1)]
        await publisher(self.context).publish(events)


@pytest.fixture(scope="session")
def home_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("look")
    yield path
    embedded_postgres.stop(path)


@pytest.fixture
def home(home_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("MAILWEIR_HOME", str(home_path))
    with open_context(Settings(home=home_path)) as context:
        made = Home(context, home_path, {"MAILWEIR_HOME": str(home_path), "COLUMNS": "200"})
        made.change(EMPTIED)
        context.store.delete(list(context.store.keys("")))
        yield made


@pytest.fixture
def server(tmp_path: Path, home: Home) -> Iterator[Dovecot]:
    """A real server with a mailbox, which is the account ``work`` of the home."""
    with running(tmp_path / "dovecot", "owner@example.com", "canary-9Kq") as made:
        given = {"login_min_interval": 0.0, "vanish_confirm": 0.0, "backoff_base": 0.01}
        where = {"host": "localhost", "port": made.implicit, "user": made.user, "ca_file": str(made.ca_file)}
        home.context.accounts.add(Account(slug="work", **where, given=given), ("password", Secret(made.password)))
        yield made
        home.context.accounts.remove("work")


@pytest.fixture
async def stored(home: Home) -> Home:
    await home.take(*MAIL)
    return home


@pytest.fixture
def account(home: Home) -> Iterator[str]:
    home.context.accounts.add(Account(slug="work", host="localhost", user="u"), ("password", Secret("x")))
    yield "work"
    if any(each.slug == "work" for each in home.context.accounts.list()):
        home.context.accounts.remove("work")
