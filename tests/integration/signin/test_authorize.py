"""``mailweir accounts authorize`` and its parts, against a scripted endpoint; the test plays the browser."""

import asyncio
import base64
import hashlib
import json
import re
from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace

from services.cli.loopback import listening
from services.common.accounts.fields import Account
from services.common.accounts.settings import parse_pairs, settings_of
from services.common.accounts.store import AccountStore
from services.common.errors import MailweirError
from services.common.oauth.answers import Client, client_of
from services.common.oauth.flow import (
    AuthorizationFailed,
    Pendings,
    await_device,
    code_of,
    exchange,
    keep,
    start,
    start_device,
)
from services.common.oauth.tokens import access_token
from services.common.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.token_endpoint import Reply, error, running, tokens

WORK = Account(slug="work", host="h.example.org", user="u@example.org", auth="xoauth2")
CLIENT = Client(
    token_url="http://127.0.0.1:1/token",
    client_id="cid",
    scope="imap offline",
    authorize_url="https://login.example.org/authorize?tenant=x",
    issuer="https://login.example.org",
    parameters={"access_type": "offline"},
)
REDIRECT = "http://127.0.0.1:4711/callback"


def test_the_address_carries_state_and_pkce(clock: FakeClock) -> None:
    url, pending = start(WORK, CLIENT, REDIRECT, session="s", now=clock.now())
    found = dict(httpx.URL(url).params)
    assert (found["response_type"], found["client_id"], found["scope"]) == ("code", "cid", "imap offline")
    assert (found["redirect_uri"], found["tenant"], found["access_type"]) == (REDIRECT, "x", "offline")
    assert (found["state"], found["login_hint"]) == (pending.state, "u@example.org")
    digest = hashlib.sha256(pending.verifier.reveal().encode()).digest()
    assert found["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert found["code_challenge_method"] == "S256"
    assert len(pending.verifier.reveal()) >= 43
    assert pending.verifier.reveal() not in url
    other, _ = start(WORK, CLIENT, REDIRECT, session="s", now=clock.now())
    assert httpx.URL(other).params["state"] != found["state"]


def test_what_is_remembered_is_taken_once_by_its_session_in_time(clock: FakeClock) -> None:
    pendings = Pendings()
    made = [start(WORK, CLIENT, REDIRECT, session="mine", now=clock.now())[1] for _ in range(3)]
    for pending in made:
        pendings.add(pending)
    assert pendings.take(made[0].state, "mine", clock.now()) == made[0]
    for state, session, later in (
        (made[0].state, "mine", 0),
        (made[1].state, "yours", 0),
        (made[2].state, "mine", 601),
    ):
        with pytest.raises(AuthorizationFailed, match="start again"):
            pendings.take(state, session, clock.now() + timedelta(seconds=later))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "other"}, "another state"),
        ({"iss": "https://evil.example.net"}, "another issuer"),
        ({"error": "access_denied"}, "access_denied"),
        ({"code": ""}, "no code"),
    ],
)
def test_a_wrong_call_back_gives_no_code(clock: FakeClock, change: dict[str, str], reason: str) -> None:
    _, pending = start(WORK, CLIENT, REDIRECT, session="s", now=clock.now())
    good = {"state": pending.state, "code": "abc", "iss": "https://login.example.org"}
    assert code_of(pending, CLIENT, good) == Secret("abc")
    with pytest.raises(AuthorizationFailed, match=reason):
        code_of(pending, CLIENT, good | change)


def test_an_address_without_tls_is_refused_except_on_this_machine(store: AccountStore) -> None:
    for url, good in (("http://login.example.org/t", False), ("http://127.0.0.1:1/t", True), ("https://x.org/t", True)):
        given = parse_pairs([f"oauth_token_url={url}", "oauth_client_id=c"])
        account = replace(WORK, given=given, settings=settings_of(given))
        if good:
            assert client_of(account).token_url == url
        else:
            with pytest.raises(Exception, match="https"):
                client_of(account)


def test_a_client_id_that_is_missing_is_named(store: AccountStore) -> None:
    with pytest.raises(Exception, match="oauth_client_id: missing"):
        client_of(WORK)


async def test_the_code_flow_end_to_end(store: AccountStore, clock: FakeClock) -> None:
    account = store.add(WORK)
    with running(tokens("a1", "r1", id_token=_id_token("U@example.org"))) as endpoint:
        client = replace_client(token_url=endpoint.url)
        async with listening("127.0.0.1") as callback:
            url, pending = start(account, client, callback.redirect_uri, session="s", now=clock.now())
            async with httpx.AsyncClient(trust_env=False) as browser:
                assert (await browser.get(callback.redirect_uri.replace("callback", "favicon.ico"))).status_code == 404
                assert (await browser.get(callback.redirect_uri + "?code=x")).status_code == 400
                sent = {"code": "c0de", "state": httpx.URL(url).params["state"]}
                answer = await browser.get(callback.redirect_uri, params=sent)
            found = await asyncio.wait_for(callback.parameters, 30)
        granted = await exchange(pending, client, code_of(pending, client, found), None)
        before = store.marker()
        keep(store, account, client, granted, clock.now())
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "c0de" not in answer.text
    form = endpoint.asked[0].form
    assert form["code_verifier"] == pending.verifier.reveal()
    assert (form["code"], form["redirect_uri"], form["client_id"]) == ("c0de", pending.redirect_uri, "cid")
    assert store.get_secret("work", "refresh_token") == Secret("r1")
    assert await access_token(store.get("work"), store, clock) == Secret("a1")
    assert store.marker() > before


async def test_a_grant_of_another_mailbox_or_without_refresh_token_is_not_kept(
    store: AccountStore, clock: FakeClock
) -> None:
    account = store.add(WORK)
    for reply, reason in (
        (tokens("a", "r", id_token=_id_token("other@example.org")), "other@example.org"),
        (tokens("a"), "no refresh token"),
    ):
        with running(reply) as endpoint:
            client = replace_client(token_url=endpoint.url)
            _, pending = start(account, client, REDIRECT, session="s", now=clock.now())
            granted = await exchange(pending, client, Secret("c"), None)
            with pytest.raises(AuthorizationFailed, match=reason):
                keep(store, account, client, granted, clock.now())
    assert store.secret_infos("work") == []


async def test_a_refused_code_says_so_without_showing_it(store: AccountStore, clock: FakeClock) -> None:
    with running(error("invalid_grant")) as endpoint:
        client = replace_client(token_url=endpoint.url)
        _, pending = start(WORK, client, REDIRECT, session="s", now=clock.now())
        with pytest.raises(AuthorizationFailed, match="invalid_grant") as caught:
            await exchange(pending, client, Secret("c0de-canary"), None)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "code", "next_step"),
    [
        (error("invalid_grant"), 4, "start again"),
        (error("invalid_client", status=401), 2, "check oauth_client_id"),
        (error("slow", status=429, headers={"Retry-After": "30"}), 3, "start again in 30 s"),
        (Reply(500, b"oops"), 3, "start again"),
        (Reply(200, b"<html>Wi-Fi</html>"), 3, "check the oauth addresses"),
        (Reply(lost=True), 5, "start again"),
    ],
)
async def test_each_answer_to_a_code_has_its_exit_code_and_next_step(
    clock: FakeClock, reply: Reply, code: int, next_step: str
) -> None:
    with running(reply) as endpoint:
        client = replace_client(token_url=endpoint.url)
        _, pending = start(WORK, client, REDIRECT, session="s", now=clock.now())
        with pytest.raises(MailweirError, match=next_step) as caught:
            await exchange(pending, client, Secret("c0de"), None)
    assert caught.value.exit_code == code


@pytest.mark.parametrize("shown", [{"user_code": "A\x1b[2J"}, {"verification_uri": "https://x.org/\n"}])
async def test_what_would_write_over_the_terminal_is_not_shown(shown: dict[str, str]) -> None:
    answer = Reply(body=json.dumps(json.loads(_device_answer().body) | shown).encode())
    with running(answer) as endpoint, pytest.raises(AuthorizationFailed, match="no device code"):
        await start_device(replace_client(token_url=endpoint.url, device_url=endpoint.url), None)


async def test_the_device_flow_waits_slows_down_and_ends(clock: FakeClock) -> None:
    pending = error("authorization_pending")
    with running(_device_answer(1), pending, error("slow_down"), pending, tokens("a1", "r1")) as endpoint:
        client = replace_client(token_url=endpoint.url, device_url=endpoint.url)
        device = await start_device(client, None)
        assert (device.user_code, device.verification_uri) == ("ABCD", "https://x.org/d")
        granted = await await_device(client, device, None, clock)
    assert granted.refresh_token == Secret("r1")
    assert clock.slept == [1, 1, 6, 6]
    assert endpoint.asked[-1].form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"


@pytest.mark.parametrize("code", ["access_denied", "expired_token", "invalid_client"])
async def test_the_device_flow_ends_when_it_is_refused(clock: FakeClock, code: str) -> None:
    with running(_device_answer(), error(code)) as endpoint:
        client = replace_client(token_url=endpoint.url, device_url=endpoint.url)
        device = await start_device(client, None)
        with pytest.raises(AuthorizationFailed, match=code):
            await await_device(client, device, None, clock)


async def test_the_device_flow_ends_when_nobody_answers(clock: FakeClock) -> None:
    with running(_device_answer(), error("authorization_pending")) as endpoint:
        client = replace_client(token_url=endpoint.url, device_url=endpoint.url)
        device = await start_device(client, None)
        with pytest.raises(AuthorizationFailed, match="in time"):
            await await_device(client, device, None, clock)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"device_code": 1}', b'{"error": "invalid_client"}'])
async def test_a_bad_answer_to_the_device_request_is_told(body: bytes) -> None:
    with running(Reply(400, body)) as endpoint, pytest.raises(AuthorizationFailed, match="no device code"):
        await start_device(replace_client(token_url=endpoint.url, device_url=endpoint.url), None)


def _device_answer(interval: int = 10) -> Reply:
    found = {"device_code": "dc", "user_code": "ABCD", "verification_uri": "https://x.org/d", "expires_in": 60}
    return Reply(body=json.dumps(found | {"interval": interval}).encode())


def replace_client(**changes: str) -> Client:
    from dataclasses import replace as with_changes

    return with_changes(CLIENT, **changes)


def _id_token(address: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"email": address}).encode()).decode().rstrip("=")
    return re.sub("=", "", f"e30.{payload}.sig")
