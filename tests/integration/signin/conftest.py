from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from services.common import embedded_postgres, migrations
from services.common.accounts import AccountStore, open_accounts
from services.common.database import engine_for
from tests.fakes.clock import FakeClock

TABLES = "accounts, account_keys, account_secrets, account_grants"


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    url = embedded_postgres.ensure(home)
    migrations.upgrade(url)
    yield url
    embedded_postgres.stop(home)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    made = engine_for(database_url)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine, tmp_path: Path) -> AccountStore:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES} CASCADE"))
        connection.execute(text("UPDATE account_changes SET marker = 0"))
    return open_accounts(engine, tmp_path / "home", {})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
