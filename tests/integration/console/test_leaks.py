"""A secret typed into a form of the console is in no answer, log line or row."""

import logging
from contextlib import closing

import pytest

from services.common.clock import SystemClock
from services.common.secret import Secret
from services.console import users
from tests.canary import found_in
from tests.integration.console.cast import OWNED, Cast, browser, seated

CANARY = "canary-" + "pulse-of-the-weir-7351"
LATER = "another-" + "canary-of-the-mill-2846"


def rows(people: Cast) -> bytes:
    """Every row of every table as text."""
    with people.ports.engine.connect() as connection:
        listed = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        names = connection.exec_driver_sql(listed).scalars().all()
        assert "console_users" in names
        found = [connection.exec_driver_sql(f'SELECT t::text FROM "{name}" t').scalars().all() for name in names]
    return "\n".join(str(row) for table in found for row in table).encode()


def test_passwords_and_secrets_leave_no_trace(people: Cast, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    users.add(people.ports.engine, "nia", Secret(CANARY), "admin")
    said = []
    with closing(browser(people.address, "nia", CANARY)) as nia:
        for path, sent in (
            ("/signin", {"name": "nia", "password": LATER}),
            ("/prove", {"password": CANARY, "back": "/"}),
            ("/prove", {"password": LATER, "back": "/"}),
            ("/users", {"name": "nia", "password": LATER}),
            ("/users", {"name": "oda", "password": LATER}),
            (f"/accounts/{OWNED}/secret", {"secret": LATER}),
            (f"/accounts/{OWNED}/edit", {"host": "imap.example.net", "secret": LATER, "user": "r", "current": CANARY}),
        ):
            answer = nia.post(path, data=sent)
            assert answer.status_code < 500
            said.append(answer.text + str(answer.headers))
        private = ("/", "/users", "/audit", "/accounts", f"/accounts/{OWNED}", f"/accounts/{OWNED}/secret")
        said += [nia.get(path).text for path in private]
    assert people.ports.accounts.secret_infos(OWNED)
    kept = rows(people)
    assert b"console-user-add" in kept
    everything = "\n".join([*said, caplog.text, *(str(vars(record)) for record in caplog.records)]).encode() + kept
    assert found_in({"password": CANARY, "secret": LATER}, everything) == []


def test_a_token_in_a_url_or_cookie_is_in_no_row(people: Cast) -> None:
    with seated(people, "owner") as owner:
        owner.get("/")
        token = owner.cookies["mailweir"]
    assert users.verify(people.ports.engine, "owner", Secret(token), "192.0.2.9", SystemClock().now()) is None
    assert found_in({"token": token}, rows(people)) == []
