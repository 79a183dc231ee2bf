"""Whose fault it is when Postgres fails: its own words on a real server."""

import pytest
from sqlalchemy import Engine, text

from services.common.database import Conflicted, Refused, engine_for, transaction
from services.common.errors import Unavailable
from tests.fakes.ports import closed_port


@pytest.mark.parametrize(
    ("state", "named", "told"),
    [
        ("53100", Unavailable, "the disk of Postgres is full .*make room"),
        ("57P01", Unavailable, "does not answer"),
        ("40P01", Conflicted, "in favour of another"),
        ("22001", Refused, "refuses the data"),
    ],
)
def test_a_failure_is_named_by_its_state(engine: Engine, state: str, named: type[Exception], told: str) -> None:
    with pytest.raises(named, match=told), transaction(engine) as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with closed_port() as port:
        engine = engine_for(f"postgresql+psycopg2://mail:canary@127.0.0.1:{port}/mail")
        with pytest.raises(Unavailable) as failure, transaction(engine):
            pass
    assert f"(127.0.0.1:{port}: Connection refused); see that it runs" in str(failure.value)
    assert "canary" not in str(failure.value)


def test_a_host_that_nobody_knows_is_named() -> None:
    engine = engine_for("postgresql+psycopg2://mail@no-such.invalid/mail")
    with pytest.raises(Unavailable, match=r"\(no-such\.invalid: "), transaction(engine):
        pass
