"""Whose fault a failure of the driver is, where no server can be made to fail just so."""

import psycopg2
import pytest

from services.common.database import fault_named
from services.common.errors import Unavailable


@pytest.mark.parametrize(
    "error",
    [
        psycopg2.DatabaseError("error with status PGRES_TUPLES_OK and no message from the libpq"),
        psycopg2.OperationalError("server closed the connection unexpectedly"),
        psycopg2.InterfaceError("connection already closed"),
    ],
)
def test_an_error_that_no_server_sent_is_a_lost_connection(error: psycopg2.Error) -> None:
    """The first has neither SQLSTATE nor a kind; one such was seen once, on a full disk."""
    with pytest.raises(Unavailable, match="the connection was lost"), fault_named():
        raise error


@pytest.mark.parametrize("kind", [psycopg2.ProgrammingError, psycopg2.InternalError, psycopg2.NotSupportedError])
def test_a_fault_of_ours_stays_one(kind: type[psycopg2.Error]) -> None:
    with pytest.raises(kind), fault_named():
        raise kind("a bug")
