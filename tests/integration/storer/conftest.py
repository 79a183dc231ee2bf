from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from services.common.events import Event
from services.common.service import Outcome
from services.common.topics import Topic
from services.storer import app
from services.storer.adapters import PostgresWriter
from services.storer.settings import StorerSettings
from tests.databases import FILLED, connected, done_as_owner, running


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("storer-home")) as made:
        yield made


@pytest.fixture(scope="session")
def migrated(url: str) -> Iterator[Engine]:
    with connected(url) as made:
        yield made


@pytest.fixture
def engine(migrated: Engine) -> Engine:
    with migrated.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(FILLED)} CASCADE"))
    return migrated


class Storer:
    """The real service on a real database, called as a runtime calls it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._service = app.service(StorerSettings(), app.Ports(PostgresWriter(engine)))

    async def take(self, topic: Topic, events: Sequence[Event]) -> Sequence[Outcome]:
        (subscription,) = (each for each in self._service.subscriptions if each.topic == topic)
        return await subscription.handler(events)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def value(self, query: str, **values: Any) -> Any:
        ((found,),) = self.rows(query, **values)
        return found


@pytest.fixture
def storer(engine: Engine) -> Storer:
    return Storer(engine)


@pytest.fixture
def empty(url: str, tmp_path: Path) -> str:
    """A database of its own on the same server."""
    name = "m" + tmp_path.name.replace("-", "_").lower()[-40:]
    done_as_owner(url, f'CREATE DATABASE "{name}"')
    return url.replace("/postgres?", f"/{name}?")
