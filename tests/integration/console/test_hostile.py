"""A hostile server and a hostile resolver: what they send reaches no page as markup and no address of ours."""

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from services.common import guard
from services.common.accounts.fields import Account
from services.common.guard import parse_allowed
from services.common.secret import Secret
from services.console import ownership, testing, users
from services.poller.imap import tls
from tests.fakes.imap_model import PASSWORD, Mailbox, Script, folder, messages, on, says
from tests.fakes.imap_server import serve
from tests.integration.console.cast import PATIENCE, Cast, cast
from tests.polling import until

EVIL = "<script>alert(1)</script>"
QUOTED = '"onfocus="alert(1)" autofocus x="'
BROKEN, TURNED = "line\r\nset-cookie: evil=1", "invoice\u202efdp.exe"
USER = "user@example.com"


@pytest.fixture(scope="module")
def people(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with cast(database, tmp_path_factory.mktemp("console")) as playing:
        yield playing


@pytest.fixture(autouse=True)
def quick(people: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(guard, "LEAST_SECONDS", 0.1)
    people.ports.budget.started.clear()
    tls._context.cache_clear()
    yield
    tls._context.cache_clear()


def hostile() -> Script:
    """Markup wherever a server may say something."""
    names = (EVIL, QUOTED, BROKEN, TURNED, "\\\\Sent", "{{7*7}}")
    boxes = {b"INBOX": Mailbox(messages(2))} | {folder(name): Mailbox() for name in names}
    return Script(boxes, greeting=b"* OK " + EVIL.encode() + b"\r\n", id_reply=f'("name" "{EVIL}")'.encode())


def allow(people: Cast, port: int) -> None:
    """The operator's exception for the fake server."""
    object.__setattr__(people.ports, "allowed", parse_allowed(f"localhost:{port}@127.0.0.0/8,localhost:{port}@::1/128"))


def harmless(page: str) -> bool:
    """Whether no markup of the server is in a page."""
    return EVIL not in page and "<script>alert" not in page and QUOTED not in page


async def test_names_and_greetings_of_a_server_are_text(
    people: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(hostile(), tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        allow(people, server.port)
        account = Account(slug="evil", host="localhost", port=server.port, user=USER)
        people.ports.accounts.add(account, ("password", Secret(PASSWORD)))
        owner = users.find(people.ports.engine, "owner")
        assert owner is not None
        ownership.own(people.ports.engine, owner, "evil")
        form = {"account": "evil", "user": USER, "host": "localhost", "port": str(server.port)}
        tested = await asyncio.to_thread(people.owner.post, "/api/imap/test", data=form)
        assert 'data-result="ok"' in tested.text
        listed = await asyncio.to_thread(people.owner.post, "/api/imap/sync", data={"account": "evil"})
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in listed.text
        assert server.forbidden() == []
        label = "<label[^>]*>(.*?)</label>"
        assert not re.search("[\u202e\r\n]", "".join(re.findall(label, listed.text, re.DOTALL)))
        everything = re.findall(r'name="folder" value="([^"]*)"[^>]*?(disabled)?>', listed.text, re.DOTALL)
        assert [name for name, disabled in everything if disabled] == [BROKEN], "no pattern has more than one line"
        chosen = await asyncio.to_thread(people.owner.post, "/accounts/evil/folders", data={"folder": [EVIL, TURNED]})
        assert chosen.headers["location"] == "/accounts/evil?done=folders"
        assert people.ports.accounts.get("evil").settings.include == (EVIL, TURNED)
    pages = [tested.text, listed.text]
    pages += [people.owner.get(f"/accounts/evil{page}").text for page in ("", "/folders", "/edit", "/progress")]
    assert all(map(harmless, pages))


async def test_a_refusal_is_told_in_our_words(people: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(hooks=[on("LOGIN", says(f"NO {EVIL} see https://evil.example"))])
    async with serve(script, tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        allow(people, server.port)
        form = {"user": USER, "host": "localhost", "port": str(server.port), "secret": "canary-secret-Hh2"}
        answer = await asyncio.to_thread(people.owner.post, "/api/imap/test", data=form)
        assert server.counts["LOGIN"] == 1
    assert 'data-result="sign-in refused"' in answer.text
    assert harmless(answer.text)
    assert "evil.example" not in answer.text
    assert "canary-secret" not in answer.text


async def test_no_referral_of_a_server_is_followed(
    people: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(Script(), tmp_path) as inside:
        url = f"imap://{USER}@localhost:{inside.port}/"
        refers = Script(
            greeting=f"* OK [REFERRAL {url}] go there\r\n".encode(),
            hooks=[on("LOGIN", says(f"NO [REFERRAL {url}] try it there"))],
        )
        async with serve(refers, tmp_path) as server:
            monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
            allow(people, server.port)
            form = {"user": USER, "host": "localhost", "port": str(server.port), "secret": PASSWORD}
            answer = await asyncio.to_thread(people.owner.post, "/api/imap/test", data=form)
            assert server.counts["LOGIN"] == 1
        assert 'data-result="sign-in refused"' in answer.text
        assert "REFERRAL" not in answer.text
        assert inside.connections == 0


@pytest.mark.parametrize("port", ["22", "80", "25", "5432", "6379", "9092", "0", "65536", "-1", "143"])
def test_only_ports_of_mail_are_reached(people: Cast, port: str) -> None:
    asked: list[str] = []

    async def noted(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"]

    object.__setattr__(people.ports, "resolver", noted)
    form = {"user": USER, "host": "imap.example.org", "port": port, "tls": "implicit", "secret": "s"}
    answer = people.owner.post("/api/imap/test", data=form)
    assert answer.status_code == 422 or 'data-result="could not connect"' in answer.text
    assert asked == []


async def test_a_name_that_changes_its_address_is_looked_up_once(people: Cast, tmp_path: Path) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8", "127.0.0.1"] if len(asked) == 1 else ["127.0.0.1"]

    async with serve(Script(), tmp_path) as server:
        object.__setattr__(people.ports, "resolver", rebinding)
        object.__setattr__(people.ports, "allowed", parse_allowed(f"mail.evil.example:{server.port}"))
        form = {"user": USER, "host": "mail.evil.example", "port": str(server.port), "secret": "s"}
        answer = await asyncio.to_thread(people.owner.post, "/api/imap/test", data=form)
        assert 'data-result="could not connect"' in answer.text
        assert (asked, server.connections) == (["mail.evil.example"], 0)


@pytest.mark.parametrize("field", ["user", "host", "account", "secret", "port", "tls", "auth"])
def test_line_ends_in_a_field_reach_no_server_and_no_header(people: Cast, field: str) -> None:
    form = {"user": USER, "host": "imap.example.org", "port": "993", "secret": "s"}
    answer = people.owner.post("/api/imap/test", data=form | {field: "x\r\nSet-Cookie: evil=1"})
    assert answer.status_code in (404, 422)
    assert "evil" not in answer.headers.get("set-cookie", "")


def test_the_secret_is_in_no_log(people: Cast, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    form = {"user": USER, "host": "127.0.0.1", "port": "993", "secret": "canary-secret-Lg5"}
    assert people.owner.post("/api/imap/test", data=form).status_code == 200
    assert "canary-secret" not in caplog.text


def test_a_test_that_fails_for_a_fault_of_ours_ends_and_says_so(people: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("inner detail")

    monkeypatch.setattr(testing, "run", broken)
    form = {"user": USER, "host": "imap.example.org", "port": "993", "secret": "s"}
    begun = people.owner.post("/api/imap/test", data=form, headers={"hx-request": "true"})
    (path,) = re.findall(r'hx-get="(/api/imap/test/[^"]+)"', begun.text)
    seen: list[httpx.Response] = []

    def ended() -> bool:
        seen.append(people.owner.get(path, headers={"hx-request": "true"}))
        return seen[-1].status_code != 200

    until(ended, PATIENCE, lambda: seen[-1].text, every=0.05)
    shown = seen[-1]
    assert shown.status_code == 500
    assert "the log says what" in shown.text
    assert "inner detail" not in shown.text
