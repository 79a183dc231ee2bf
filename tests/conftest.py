"""What several levels of tests need: a database of their own."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from tests.databases import connected, running

_BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no bug
settings.register_profile("mailweir", _BUSY, derandomize=True)  # the same examples in every run
settings.register_profile("search", _BUSY, max_examples=1_000)  # --hypothesis-profile=search: new ones
settings.load_profile("mailweir")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's jobs in the background: tests interrupt commands
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real Postgres with the present schema, for one module."""
    with running(tmp_path_factory.mktemp("database")) as url, connected(url) as engine:
        yield engine
