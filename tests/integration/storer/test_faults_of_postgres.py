"""Whose fault it is when Postgres fails: its own words on a real server."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest
from sqlalchemy import Engine, make_url, text

from services.common import topics
from services.common.database import Conflicted, Refused, TookTooLong, engine_for, transaction
from services.common.errors import Unavailable
from tests.databases import done_as_owner
from tests.fakes.mail_events import message, parsed
from tests.fakes.ports import closed_port
from tests.integration.storer.conftest import Storer


@pytest.mark.parametrize(
    ("state", "named", "told"),
    [
        ("53100", Unavailable, "the disk of Postgres is full .*make room"),
        ("57P01", Unavailable, "does not answer"),
        ("40P01", Conflicted, "in favour of another"),
        ("57014", TookTooLong, "took too long"),
        ("22001", Refused, "refuses the data"),
    ],
)
def test_a_failure_is_named_by_its_state(engine: Engine, state: str, named: type[Exception], told: str) -> None:
    with pytest.raises(named, match=told), transaction(engine) as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))


SLOW = """CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END';
CREATE TRIGGER slow BEFORE INSERT ON emails FOR EACH ROW EXECUTE FUNCTION slowly()"""


async def test_mail_that_takes_longer_together_than_a_statement_may_is_stored(engine: Engine, url: str) -> None:
    mails = [(await parsed(message(f"number {uid}").as_bytes(), uid))[0] for uid in range(1, 41)]
    impatient = engine_for(url, statement_timeout_ms=500)
    done_as_owner(url, SLOW)
    try:
        assert await Storer(impatient).take(topics.MAIL_PARSED, mails) == []
    finally:
        done_as_owner(url, "DROP TRIGGER slow ON emails", "DROP FUNCTION slowly")
        impatient.dispose()
    assert Storer(engine).value("SELECT count(*) FROM email_places WHERE email_id IS NOT NULL") == 40


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with closed_port() as port:
        engine = engine_for(f"postgresql+psycopg2://mail:canary@127.0.0.1:{port}/mail")
        with pytest.raises(Unavailable) as failure, transaction(engine):
            pass
    assert f"(127.0.0.1:{port}: Connection refused); see that it runs" in str(failure.value)
    assert "canary" not in str(failure.value)


def test_who_finds_all_connections_waiting_for_an_answer_is_told_that_the_server_does_not_answer(url: str) -> None:
    """A server that hangs holds them all, and who comes after them waits for none."""
    engine = engine_for(url, pool_size=1)
    engine.pool._timeout = 0.05  # type: ignore[attr-defined]
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(engine.connect())
        with pytest.raises(Unavailable, match="has not answered what it was asked before"), transaction(engine):
            pass
    engine.dispose()


def test_a_server_that_goes_away_without_a_word_is_noticed_within_a_minute(url: str) -> None:
    """What the system is told; a network that swallows packets takes rights that a test has not."""
    names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    with by_tcp(url) as address:
        engine = engine_for(address)
        with engine.connect() as connection:
            line = socket.socket(fileno=connection.connection.dbapi_connection.fileno())
            told = [line.getsockopt(socket.IPPROTO_TCP, name) for name in names]
            line.detach()
        engine.dispose()
    assert told == [30, 10, 3, 60_000]


@contextmanager
def by_tcp(url: str) -> Iterator[str]:
    """The URL of the same server, for one connection by way of TCP."""
    asked = make_url(url)
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(socket.AF_UNIX) as server:
        server.connect(f"{asked.query['host']}/.s.PGSQL.{asked.query['port']}")

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                back = Thread(target=pass_on, args=(server, client), daemon=True)
                back.start()
                pass_on(client, server)
                back.join()

        listening.settimeout(30)
        serving = Thread(target=serve, daemon=True)
        serving.start()
        yield f"postgresql://postgres@127.0.0.1:{listening.getsockname()[1]}/postgres"
        serving.join()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    while octets := source.recv(65_536):
        target.sendall(octets)
    target.shutdown(socket.SHUT_WR)


def test_a_host_that_nobody_knows_is_named() -> None:
    engine = engine_for("postgresql+psycopg2://mail@no-such.invalid/mail")
    with pytest.raises(Unavailable, match=r"\(no-such\.invalid: "), transaction(engine):
        pass
