"""What stands before Postgres takes all octets and passes none on: TCP notices nothing, and yet each call ends."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, make_url, text

from services.common.database import engine_for, transaction, unbounded
from services.common.errors import Unavailable
from services.common.health import Health
from services.common.postgres import deadlines
from services.common.runtime import process
from tests import polling
from tests.fakes.one_way import Between, between

STATEMENT = 2.0  # seconds that the server gives a statement


@pytest.fixture
def gate(url: str) -> Iterator[Between]:
    query = make_url(url).query
    with between(f"{query['host']}/.s.PGSQL.{make_url(url).port or 5432}") as made:
        yield made


@pytest.fixture
def behind(gate: Between, migrated: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(deadlines, "MARGIN", 0.5)
    monkeypatch.setattr(deadlines, "LOOK", 0.1)
    made = engine_for(
        f"postgresql://postgres@127.0.0.1:{gate.port}/postgres", statement_timeout_ms=int(STATEMENT * 1_000)
    )
    yield made
    gate.close()
    made.dispose()


def asked(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def copied(connection: Connection) -> None:
    cursor: Any = connection.connection.cursor()
    cursor.copy_expert("COPY taken FROM STDIN", BytesIO(b"x\n" * 4_000_000))


def ended(connection: Connection) -> None:
    connection.commit()


def into_silence(gate: Between, engine: Engine, call: Callable[[Connection], None], way: str) -> None:
    with transaction(engine) as connection:
        connection.execute(text("CREATE TEMP TABLE taken (it text)"))
        getattr(gate, way).clear()
        call(connection)


@pytest.mark.parametrize("call", [asked, copied, ended])
@pytest.mark.parametrize("way", ["asks", "answers"])
def test_a_call_that_nobody_answers_ends_and_the_next_one_works(
    gate: Between, behind: Engine, call: Callable[[Connection], None], way: str
) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        into_silence(gate, behind, call, way)
    gate.heal()
    with transaction(behind) as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_a_connection_that_fell_silent_in_the_pool_ends(gate: Between, behind: Engine) -> None:
    with transaction(behind) as connection:
        asked(connection)
    gate.answers.clear()
    with pytest.raises(Unavailable), transaction(behind) as connection:
        asked(connection)


def test_connections_that_were_forgotten_in_the_pool_are_replaced_before_a_statement_would_end(
    gate: Between, behind: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "PING", 0.2)
    with transaction(behind) as first, transaction(behind) as second:
        asked(first)
        asked(second)
    gate.forget()
    began = time.monotonic()
    with transaction(behind) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    assert time.monotonic() - began < STATEMENT


def test_what_a_person_waits_for_has_no_end_but_the_transaction_has(gate: Between, behind: Engine) -> None:
    with transaction(behind) as connection:
        unbounded(connection)
        began = time.monotonic()
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": STATEMENT + 3 * deadlines.MARGIN})
        assert time.monotonic() - began > STATEMENT + deadlines.MARGIN
    with pytest.raises(Unavailable):
        into_silence(gate, behind, asked, "answers")


def test_health_is_red_while_a_call_waits_and_green_when_it_has_ended(
    gate: Between, behind: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SILENCE", STATEMENT / 4)
    health, seen = Health("storer"), list[str]()

    def looked() -> bool:
        process.look_at_calls(health)
        seen.append(health.state)
        return waiting.done()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(into_silence, gate, behind, asked, "answers")
        polling.until(looked)
    assert isinstance(waiting.exception(), Unavailable)
    assert ("red" in seen, seen[0], seen[-1]) == (True, "green", "green")
