"""What several levels of tests need: a database of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from services.common import embedded_postgres, migrations
from services.common.database import engine_for

_BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no bug
settings.register_profile("mailweir", _BUSY, derandomize=True)  # the same examples in every run
settings.register_profile("search", _BUSY, max_examples=1_000)  # --hypothesis-profile=search: new ones
settings.load_profile("mailweir")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real Postgres with the present schema, for one module."""
    home: Path = tmp_path_factory.mktemp("database")
    url = embedded_postgres.ensure(home)
    migrations.upgrade(url)
    engine = engine_for(url)
    yield engine
    engine.dispose()
    embedded_postgres.stop(home)
