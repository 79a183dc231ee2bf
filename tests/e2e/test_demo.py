"""The first thing that a newcomer runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.samples.mailbox import COUNT
from services.common.postgres import embedded_postgres
from tests.e2e.commands import Mailweir


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    embedded_postgres.stop(tmp_path / "demo" / "home")


def test_the_demo_stores_everything_and_a_second_run_says_that_nothing_is_new(root: Path) -> None:
    mailweir = Mailweir(root)
    first = mailweir("demo")
    assert first.returncode == 0, first.stderr
    assert f"The server lists {COUNT} messages; stored {COUNT}; missing 0." in " ".join(first.stdout.split())
    assert "合同" in first.stdout
    second = mailweir("demo")
    assert second.returncode == 0, second.stderr
    assert "Nothing is new since the last run." in " ".join(second.stdout.split())
    looked = Mailweir(root / "demo" / "home")("search", "合同", "--json")
    assert looked.returncode == 0, looked.stderr
    assert "第三季度合同" in looked.stdout


def test_in_the_shell_that_looks_at_a_demo_it_is_the_same_one(root: Path) -> None:
    first = Mailweir(root)("demo")
    assert f"export MAILWEIR_HOME={root}  #" in first.stdout
    again = Mailweir(root / "demo" / "home")("demo")
    assert "Nothing is new since the last run." in " ".join(again.stdout.split()), again.stderr
    fresh = Mailweir(root / "demo" / "home")("demo", "--fresh")
    assert f"{COUNT} of them came just now." in " ".join(fresh.stdout.split()), fresh.stderr


def test_a_fresh_demo_removes_no_account_of_yours(root: Path) -> None:
    assert Mailweir(root)("demo").returncode == 0
    looking = Mailweir(root / "demo" / "home")
    server = ("--host", "127.0.0.1", "--port", "1", "--user", "me", "-")
    assert looking("accounts", "add", "mine", *server, stdin="x").returncode == 0
    refused = Mailweir(root)("demo", "--fresh")
    assert (refused.returncode, "(mine)" in refused.stderr) == (2, True), refused.stderr
    assert "mine" in looking("accounts", "list").stdout


def test_a_fresh_demo_removes_no_folder_that_holds_none(root: Path) -> None:
    letters = root / "documents" / "home" / "letters"
    letters.mkdir(parents=True)
    refused = Mailweir(root)("demo", "--fresh", "--home", str(root / "documents"))
    assert (refused.returncode, "nothing was removed" in refused.stderr) == (2, True), refused.stderr
    assert letters.is_dir()
