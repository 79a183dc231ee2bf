from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.integration.console.cast import Cast, cast


@pytest.fixture(scope="module")
def people(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """The cast, for one module."""
    home: Path = tmp_path_factory.mktemp("console")
    with cast(database, home) as playing:
        yield playing
