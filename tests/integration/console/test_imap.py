"""Test, synchronise and choose on a real Dovecot: as a program, as a page with scripts, as a plain form."""

import re
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from infra.local import dovecot
from services.common import guard
from services.common.guard import parse_allowed
from services.common.secret import Secret
from services.console import sessions, users
from services.console.handlers import PROGRAM_LASTS
from services.poller.imap import tls
from tests.dovecot_server import PASSWORD, USER, Dovecot, running
from tests.integration.console.cast import PATIENCE, Cast, cast
from tests.polling import until

CANARY = "canary-secret-Qv4"
SENT, PROJECT = "Sent", "项目/二零二六"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with running(tmp_path_factory.mktemp("dovecot")) as started:
        dovecot.deliver(started.folder, USER, {"one": b"Subject: one\r\n\r\none\r\n"})
        for name in (SENT, PROJECT):
            dovecot.maildir(started.folder, USER, name)
        yield started


@pytest.fixture(scope="module")
def people(database: Engine, server: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with cast(database, tmp_path_factory.mktemp("console")) as playing:
        allowed = f"localhost:{server.implicit}@127.0.0.0/8,localhost:{server.implicit}@::1/128"
        object.__setattr__(playing.ports, "allowed", parse_allowed(allowed))
        yield playing


@pytest.fixture(autouse=True)
def trusted(people: Cast, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine trusts the authority of this Dovecot, nobody has tested yet, and answers need not be slow."""
    monkeypatch.setattr(guard, "LEAST_SECONDS", 0.1)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
    tls._context.cache_clear()
    people.ports.budget.started.clear()
    yield
    tls._context.cache_clear()


@pytest.fixture(scope="module")
def program(people: Cast) -> Iterator[httpx.Client]:
    """The owner's program: a token, and JSON."""
    owner = users.find(people.ports.engine, "owner")
    assert owner is not None
    token = sessions.start(people.ports.engine, owner, "program", people.ports.clock.now(), PROGRAM_LASTS).token
    with httpx.Client(
        base_url=people.address, headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE
    ) as client:
        yield client


@pytest.fixture(scope="module")
def account(people: Cast, server: Dovecot) -> str:
    """An account that the owner added by the form."""
    answer = people.owner.post("/accounts", data=connection(server) | {"name": "dove", "secret": PASSWORD})
    assert answer.status_code == 303, answer.text
    assert people.ports.accounts.get_secret("dove") == Secret(PASSWORD)
    return "dove"


def connection(server: Dovecot, **values: str) -> dict[str, str]:
    """Fields of the form."""
    return {"user": USER, "host": "localhost", "port": str(server.implicit), "tls": "implicit", **values}


def tried(program: httpx.Client, **values: Any) -> Any:
    """The answer of a test for a program."""
    return program.post("/api/imap/test", json=values).json()


def test_a_wrong_secret_is_told_from_a_right_one(program: httpx.Client, server: Dovecot) -> None:
    wrong = tried(program, **connection(server, secret=CANARY))
    assert (wrong["ok"], wrong["result"]) == (False, "sign-in refused")
    assert wrong["stages"] == {"reach": "ok", "tls": "ok", "signin": "failed", "mailbox": "waiting"}
    assert wrong["advice"]
    right = tried(program, **connection(server, secret=PASSWORD))
    assert (right["ok"], right["result"]) == (True, "ok")
    assert set(right["stages"].values()) == {"ok"}
    assert any("1 messages" in line for line in right["details"])


BLOCKED = [
    {"host": "127.0.0.1"}, {"host": "169.254.169.254"}, {"host": "::1"}, {"host": "2130706433"}, {"port": "25"},
    {"host": "no-such-name.invalid"},
]  # fmt: skip


@pytest.mark.parametrize("target", BLOCKED, ids=str)
def test_a_target_out_of_bounds_reads_like_one_that_does_not_answer(
    people: Cast, program: httpx.Client, server: Dovecot, target: dict[str, str]
) -> None:
    told = tried(program, **(connection(server, secret=CANARY) | target))
    assert told["result"] == "could not connect"
    assert told["stages"] == {"reach": "failed", "tls": "waiting", "signin": "waiting", "mailbox": "waiting"}
    assert told["details"] == []


def test_a_refused_target_takes_as_long_as_the_least(
    program: httpx.Client, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LEAST_SECONDS", 2.0)
    start = time.monotonic()
    tried(program, **(connection(server, secret=CANARY) | {"port": "25"}))
    assert time.monotonic() - start >= 2


def test_a_certificate_that_is_not_trusted_is_a_tls_problem(
    program: httpx.Client, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    tls._context.cache_clear()
    told = tried(program, **connection(server, secret=PASSWORD))
    assert told["result"] == "TLS problem"
    assert told["stages"]["tls"] == "failed"


def test_the_sixth_test_in_a_row_is_refused(people: Cast, program: httpx.Client, server: Dovecot) -> None:
    people.ports.budget.started["owner"] = deque([people.ports.clock.monotonic()] * 5)
    answer = program.post("/api/imap/test", json=connection(server, secret=PASSWORD))
    assert answer.status_code == 429


def test_a_page_with_scripts_follows_the_test(people: Cast, server: Dovecot) -> None:
    part = {"hx-request": "true", "hx-target": "test-result"}
    shown = people.owner.post("/api/imap/test", data=connection(server, secret=PASSWORD), headers=part).text
    assert "<html" not in shown
    seen = [shown]

    def ended() -> bool:
        if 'data-result="' in seen[-1]:
            return True
        path = re.search(r'hx-get="(/api/imap/test/[^"]+)"', seen[-1])
        assert path is not None, seen[-1]
        seen.append(people.owner.get(path[1], headers=part).text)
        assert people.other.get(path[1]).status_code == 404
        return False

    until(ended, PATIENCE, lambda: seen[-1], every=0.2)
    assert 'data-result="ok"' in seen[-1]
    stages = re.findall(r'data-stage="(\w+)" data-state="ok">.*?</span> (.*?)</li>', seen[-1])
    assert stages == [
        ("reach", "Server: ok"),
        ("tls", "TLS: ok"),
        ("signin", "Sign-in: ok"),
        ("mailbox", "Mailbox: ok"),
    ]
    assert PASSWORD not in "".join(seen)


def test_a_half_filled_form_survives_a_failed_test_without_scripts(people: Cast, server: Dovecot) -> None:
    answer = people.owner.post("/api/imap/test", data=connection(server, secret=CANARY, name="half"))
    assert 'data-result="sign-in refused"' in answer.text
    assert 'value="half"' in answer.text
    assert f'value="{server.implicit}"' in answer.text
    assert CANARY not in answer.text
    missing = people.owner.post("/api/imap/test", data=connection(server, host=""))
    assert missing.status_code == 422


def test_a_stored_secret_goes_only_where_it_went_before(
    people: Cast, program: httpx.Client, server: Dovecot, account: str
) -> None:
    assert tried(program, account=account, **connection(server))["ok"]
    assert tried(program, account=account)["ok"]
    assert set(program.post("/api/imap/test", json={"account": account, "host": ""}).json()["fields"]) == {"host"}
    for elsewhere in ({"host": "imap.example.org"}, {"port": "993"}, {"tls": "starttls"}, {"user": "a@example.org"}):
        refused = program.post("/api/imap/test", json={"account": account} | connection(server) | elsewhere)
        assert refused.status_code == 422
        assert "secret" in refused.json()["fields"]
    stranger = people.other.post("/api/imap/test", data={"account": account} | connection(server))
    assert stranger.status_code == 404


def test_the_form_of_a_stored_account_never_holds_its_secret(people: Cast, program: httpx.Client, account: str) -> None:
    told = program.get("/api/imap/config", params={"account": account}).json()
    assert (told["account"], told["user"], told["secret_set"]) == (account, USER, True)
    page = people.owner.get("/api/imap/config", params={"account": account}).text
    assert PASSWORD not in page + str(told)
    assert people.other.get("/api/imap/config", params={"account": account}).status_code == 404


def test_folders_come_from_the_server_and_follow_it(
    people: Cast, program: httpx.Client, server: Dovecot, account: str
) -> None:
    first = program.post("/api/imap/sync", json={"account": account}).json()
    assert first["ok"], first
    assert {"INBOX", SENT, PROJECT} <= {line["name"] for line in first["folders"]}
    assert set(first["created"]) >= {"INBOX", SENT, PROJECT}
    dovecot.maildir(server.folder, USER, "临时")
    second = program.post("/api/imap/sync", json={"account": account}).json()
    assert (second["created"], second["gone"]) == (["临时"], [])
    lost = dovecot.maildir(server.folder, USER, "临时")
    lost.rename(server.folder / "moved-away")
    third = program.post("/api/imap/sync", json={"account": account}).json()
    assert (third["absent"], third["gone"]) == (["临时"], [])
    with people.ports.engine.begin() as connection:
        connection.execute(text("UPDATE folders SET absent_since = absent_since - interval '1 hour'"))
    fourth = program.post("/api/imap/sync", json={"account": account}).json()
    assert fourth["gone"] == ["临时"]
    assert program.post("/api/imap/sync", json={"account": "no-such"}).status_code == 404


def test_chosen_folders_are_what_the_account_takes(people: Cast, server: Dovecot, account: str) -> None:
    listed = people.owner.post("/api/imap/sync", data={"account": account}).text
    assert PROJECT in listed
    base = f"/accounts/{account}/folders"
    assert people.owner.post(base, data={"folder": [PROJECT, "INBOX"]}).status_code == 303
    assert set(people.ports.accounts.get(account).settings.include) == {PROJECT, "INBOX"}
    assert people.owner.post(base, data={"folder": [PROJECT, "INBOX"], "future": "yes"}).status_code == 303
    settings = people.ports.accounts.get(account).settings
    assert settings.include == ()
    assert SENT in settings.exclude
    assert people.owner.post(base, data={}).status_code == 422


def test_no_secret_stays_anywhere(people: Cast, program: httpx.Client, server: Dovecot) -> None:
    tried(program, **connection(server, secret=CANARY))
    with people.ports.engine.connect() as connection_:
        tables = connection_.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        rows = [str(row) for name in tables for row in connection_.exec_driver_sql(f'SELECT t::text FROM "{name}" t')]
    assert rows
    assert not [row for row in rows if CANARY in row or PASSWORD in row]


def test_every_action_is_in_the_audit_log(people: Cast) -> None:
    with people.ports.engine.connect() as connection_:
        query = text("SELECT DISTINCT action FROM audit_log WHERE service = 'console'")
        actions = set(connection_.execute(query).scalars())
    assert {"console-add", "console-test", "console-sync", "console-folders"} <= actions
