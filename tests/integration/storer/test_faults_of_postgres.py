"""Whose fault it is when Postgres fails: its own words on a real server."""

import pytest
from sqlalchemy import Engine, text

from services.common.database import Conflicted, Refused, transaction
from services.common.errors import Unavailable


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
