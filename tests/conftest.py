"""What several levels of tests need: a database of their own."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from tests.databases import connected, copied, running

_BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no bug
settings.register_profile("mailweir", _BUSY, derandomize=True)  # the same examples in every run
settings.register_profile("search", _BUSY, max_examples=1_000)  # --hypothesis-profile=search: new ones
settings.load_profile("mailweir")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's jobs in the background: tests interrupt commands
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a real Postgres whose database has the present schema and nothing else."""
    home = tmp_path_factory.mktemp("database")
    with running(home):
        yield home


@pytest.fixture(scope="module")
def database(server_home: Path) -> Iterator[Engine]:
    """A database with the present schema, for one module."""
    with copied(server_home) as url, connected(url) as engine:
        yield engine
