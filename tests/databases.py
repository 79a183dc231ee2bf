"""A real Postgres with the present schema, for the fixtures of several levels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, text

from services.common.database import engine_for
from services.common.postgres import embedded_postgres, migrations
from services.poller import tables as poller_tables
from services.storer import tables

# The tables that mail and those who fetch it fill: what a test empties to begin anew.
FILLED = [
    *(table.name for table in (*tables.OWNED, poller_tables.folders, poller_tables.folder_ledger)),
    *("leases", "quarantine", "settled_places", "unsettled"),
]


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
def copied(home: Path) -> Iterator[str]:
    """The URL of a copy of the database of the server below ``home``, which goes with the block."""
    url, name = embedded_postgres.ensure(home), f"copy_{uuid4().hex}"
    done_as_owner(url, f"CREATE DATABASE {name} TEMPLATE postgres")
    try:
        yield url.replace("/postgres?", f"/{name}?")
    finally:
        done_as_owner(url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def connected(url: str, *, pool_size: int = 4) -> Iterator[Engine]:
    """An engine on it."""
    engine = engine_for(url, pool_size=pool_size)
    try:
        yield engine
    finally:
        engine.dispose()


def done_as_owner(url: str, *statements: str) -> None:
    """Each by itself, outside of a transaction, as some must be."""
    with connected(url) as engine, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))
