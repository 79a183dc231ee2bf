"""The authorization-code flow in a real browser, against an OpenID provider that is not ours."""

import asyncio
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from infra.local.folders import free_port
from services.common.accounts.store import open_accounts
from services.common.clock import SystemClock
from services.common.database import engine_for
from services.common.oauth.tokens import access_token
from services.common.postgres import embedded_postgres
from services.common.secret import Secret
from tests.e2e.browser import PATIENCE, chromium
from tests.e2e.commands import Mailweir
from tests.e2e.world import until

USER = "reader@example.test"


@dataclass(frozen=True)
class Desk:
    """The command, with an account that signs in by OAuth2 at the provider."""

    mailweir: Mailweir
    provider: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home: Path = tmp_path_factory.mktemp("desk")
    mailweir = Mailweir(home)
    with openid_provider(home) as provider:
        urls = (f"oauth_authorize_url={provider}/oauth2/authorize", f"oauth_token_url={provider}/oauth2/token")
        settings = (*urls, "oauth_client_id=desk", "oauth_scope=openid email", f"oauth_issuer={provider}")
        given = [word for setting in settings for word in ("--set", setting)]
        where = ("--host", "localhost", "--port", "1993", "--user", USER, "--auth", "xoauth2")
        done = mailweir("accounts", "add", "work", *where, *given)
        assert done.returncode == 0, done.stderr
        done = mailweir("accounts", "secret", "work", "--field", "client_secret", "-", stdin="desk secret")
        assert done.returncode == 0, done.stderr
        yield Desk(mailweir, provider)
    embedded_postgres.stop(home)


@contextmanager
def openid_provider(home: Path) -> Iterator[str]:
    """The address of a provider in a process of its own."""
    port = free_port()
    with (home / "provider.log").open("wb") as log:
        words = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
        with subprocess.Popen(words, stdout=log, stderr=log) as process:
            until(lambda: answers(port), 120, (home / "provider.log").read_text)
            yield f"http://localhost:{port}"
            process.terminate()


def answers(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("localhost", port)) == 0


@contextmanager
def authorizing(desk: Desk) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """``mailweir accounts authorize`` that waits for its call-back, and the address that it printed."""
    words = [sys.executable, "-m", "services.cli.main", "accounts", "authorize", "work", "--no-browser"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*words, "--timeout", "240"], env=desk.mailweir.env(), **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process, address_in(process.stdout)
        finally:
            process.kill()


def address_in(output: IO[str]) -> str:
    said = ""
    while not (found := re.search(r"^ +(http\S+)$", said, re.MULTILINE)):
        line = output.readline()
        assert line, said
        said += line
    return found[1]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def secrets_of(desk: Desk) -> list[str]:
    shown = desk.mailweir("accounts", "show", "work", "--json")
    assert shown.returncode == 0, shown.stderr
    return sorted(json.loads(shown.stdout)["secrets"])


def test_the_owner_who_refuses_gets_one_clear_line_and_nothing_is_stored(desk: Desk, page: Page) -> None:
    with authorizing(desk) as (command, address):
        page.goto(address)
        page.get_by_role("button", name="Deny").click()
        page.get_by_text("close this window").wait_for()
        _, told = command.communicate(timeout=120)
    assert command.returncode == 4, told
    assert told.strip().count("\n") == 0
    assert "Traceback" not in told
    assert secrets_of(desk) == ["client_secret"]


def test_the_owner_who_grants_has_an_account_that_renews_itself(desk: Desk, page: Page) -> None:
    with authorizing(desk) as (command, address):
        page.goto(address)
        page.get_by_placeholder("sub").fill(USER)
        page.get_by_role("button", name="Authorize").click()
        page.get_by_text("close this window").wait_for()
        said, told = command.communicate(timeout=120)
    assert command.returncode == 0, told
    assert "granted and stored, encrypted" in said
    assert "refresh_token" in secrets_of(desk)
    first, second = asked_twice(desk)
    assert first
    assert second
    assert first != second


def asked_twice(desk: Desk) -> list[Secret | None]:
    """Two access tokens; the second is asked for as after a refusal by the mail server."""
    engine = engine_for(embedded_postgres.ensure(desk.mailweir.home))
    store = open_accounts(engine, desk.mailweir.home, {})
    account, clock = store.get("work"), SystemClock()
    with ThreadPoolExecutor(1) as own_thread:  # the browser's driver has a running loop in this one
        asked = (access_token(account, store, clock, force) for force in (False, True))
        tokens = [own_thread.submit(asyncio.run, asking).result() for asking in asked]
    engine.dispose()
    return tokens


def test_a_call_back_of_an_earlier_request_is_not_taken(desk: Desk, page: Page) -> None:
    with authorizing(desk) as (command, address):
        stranger = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        page.goto(f"{stranger}?code=stolen&state=of-somebody-else")
        _, told = command.communicate(timeout=120)
    assert command.returncode == 4, told
    assert "start again" in told
