"""A real Postgres with the present schema, for the fixtures of several levels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from services.common import embedded_postgres, migrations
from services.common.database import engine_for


@contextmanager
def running(home: Path) -> Iterator[str]:
    """The URL of a server of one's own below ``home``, which ends with the block."""
    url = embedded_postgres.ensure(home)
    try:
        migrations.upgrade(url)
        yield url
    finally:
        embedded_postgres.stop(home)


@contextmanager
def connected(url: str) -> Iterator[Engine]:
    """An engine on it."""
    engine = engine_for(url)
    try:
        yield engine
    finally:
        engine.dispose()
