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
