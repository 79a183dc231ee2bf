"""The wall: headers on every answer, foreign hosts, large bodies, and where the console may listen."""

import asyncio
import socket
import time
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import Engine

from services.common.errors import Unavailable
from services.console.app import create
from services.console.routes import status
from services.console.security import CSP, MOST_OCTETS
from services.console.serving import serve
from services.console.settings import ConsoleSettings
from tests.integration.console.cast import PATIENCE, Cast
from tests.polling import until

PATHS = ("/signin", "/healthz", "/no-such-page", "/static/no-such-file")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_shuts_out_foreign_code_and_framing(people: Cast, path: str) -> None:
    headers = people.nobody.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert "unsafe" not in CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_a_small_answer_is_sent_at_once(people: Cast) -> None:
    """Nagle's algorithm and a delayed acknowledgement would hold each back for 40 ms."""
    people.nobody.get("/healthz")
    took = []
    for _ in range(20):
        start = time.perf_counter()
        assert people.nobody.get("/healthz").status_code == 200
        took.append(time.perf_counter() - start)
    assert min(took[1:]) < 0.03, took


def test_private_pages_are_not_kept(people: Cast) -> None:
    assert people.owner.get("/openapi.json").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.example:80"])
def test_a_name_that_is_not_ours_is_not_served(people: Cast, host: str) -> None:
    assert people.nobody.get("/signin", headers={"host": host}).status_code == 421


def test_a_body_larger_than_any_form_is_refused(people: Cast) -> None:
    answer = people.nobody.post("/signin", content=b"a" * (MOST_OCTETS + 1), headers={"content-type": "text/plain"})
    assert answer.status_code == 413
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = people.nobody.post("/signin", content=b"name=" + b"a" * MOST_OCTETS, headers=form)
    assert answer.status_code == 413


@pytest.mark.parametrize("sent", [{"data": {"name": "a\0b"}}, {"json": {"user": "a\0b"}}, {"content": b"name=a\0b"}])
def test_a_nul_is_refused_before_it_reaches_the_database(people: Cast, sent: dict[str, Any]) -> None:
    assert people.owner.post("/api/imap/test", **sent).status_code == 400


def test_a_page_that_is_not_there_keeps_the_menu_of_who_is_signed_in(people: Cast) -> None:
    assert 'href="/accounts"' in people.owner.get("/no-such-page").text
    lost = people.nobody.get("/no-such-page")
    assert lost.status_code == 404
    assert 'href="/accounts"' not in lost.text


def test_a_page_for_nobody_leads_to_the_sign_in(people: Cast) -> None:
    answer = people.nobody.get("/openapi.json")
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin")
    part = httpx.get(f"{people.address}/openapi.json", headers={"hx-request": "true"}, timeout=PATIENCE)
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/signin")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "console.example.org"])
def test_a_network_is_not_shown_the_console_in_clear(host: str) -> None:
    assert "BEHIND_PROXY" in "".join(ConsoleSettings(host=host).faults())
    assert not [*ConsoleSettings(host=host, behind_proxy=True).faults()]
    assert not [*ConsoleSettings(host=host, published_locally=True).faults()]


async def test_an_unexpected_failure_has_the_wall_around_it_and_says_nothing(people: Cast) -> None:
    app = create(people.ports, ConsoleSettings(port=0))

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("inner detail")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == CSP
    assert "inner detail" not in answer.text


@pytest.mark.parametrize(("language", "told"), [("en", "or another service"), ("zh", "或其他服务")])
async def test_what_does_not_answer_is_not_always_the_database(people: Cast, language: str, told: str) -> None:
    app = create(people.ports, ConsoleSettings(port=0))

    @app.get("/waiting")
    def waiting() -> None:
        raise Unavailable("Kafka does not answer at broker-7.inside:9092")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/waiting", headers={"accept-language": language})
    assert answer.status_code == 503
    assert told in answer.text
    assert "broker-7" not in answer.text


def test_a_database_that_hangs_is_told_to_a_probe_and_loses_one_connection_to_it_at_most(
    people: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_PATIENCE", 0.2)
    engine, asked, answers = people.ports.engine, list[Engine](), status._answers

    def counted(of: Engine) -> bool:
        asked.append(of)
        return answers(of)

    monkeypatch.setattr(status, "_answers", counted)
    with ExitStack() as hanging:
        for _ in range(engine.pool.size() + engine.pool._max_overflow):  # type: ignore[attr-defined]
            hanging.enter_context(engine.connect())
        told = [people.nobody.get("/healthz").status_code for _ in range(3)]
        assert (told, len(asked)) == ([503] * 3, 1)
    until(lambda: people.nobody.get("/healthz").status_code == 200)


def test_a_probe_asks_by_any_name_and_nothing_else_does(people: Cast) -> None:
    for host, path, answer in (("10.0.0.7:8025", "/healthz", 200), ("10.0.0.7", "/", 421), ("x", "/healthz/", 421)):
        assert people.nobody.get(path, headers={"host": host}).status_code == answer


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [("172.18.0.1", "203.0.113.9", 1), ("203.0.113.9", "203.0.113.9, 10.0.0.1", 0), ("172.18.0.1", "", 0)],
)
async def test_a_proxy_that_is_not_named_is_told_once(
    people: Cast, caplog: pytest.LogCaptureFixture, peer: str, forwarded: str, told: int
) -> None:
    app = create(people.ports, ConsoleSettings(behind_proxy=True))
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for _ in range(3):
            assert (await client.get("/healthz", headers=headers)).status_code == 200
    lines = [line for line in caplog.messages if "MAILWEIR_CONSOLE_PROXIES" in line]
    assert len(lines) == told
    assert all(line.startswith(peer) for line in lines)


async def test_the_port_is_open_when_the_address_is_told(people: Cast) -> None:
    stop, failures = asyncio.Event(), list[int]()

    def told(address: str) -> None:
        with socket.socket() as trying:
            failures.append(trying.connect_ex(("127.0.0.1", urlsplit(address).port)))
        stop.set()

    settings = ConsoleSettings(port=0)
    await serve(create(people.ports, settings), settings, stop, told)
    assert failures == [0]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is(host: str) -> None:
    assert not [*ConsoleSettings(host=host).faults()]
