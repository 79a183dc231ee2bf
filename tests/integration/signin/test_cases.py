"""What ``check``, ``sync`` and ``status`` agree on for each kind of refused sign-in, as processes of their own."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.common.accounts.fields import Account
from services.common.accounts.settings import parse_pairs, settings_of
from services.common.accounts.store import AccountStore
from services.common.secret import Secret
from tests.canary import found_in
from tests.fakes.imap_model import PASSWORD, Mailbox, Script, messages, on, says
from tests.fakes.imap_server import serve
from tests.fakes.token_endpoint import Reply, error, running, tokens
from tests.integration.signin.commands import USER, Run

QUICK = ("connect_timeout=15", "command_timeout=10", "backoff_base=0.05", "backoff_max=0.1", "login_min_interval=0",
         "attempts=1", "max_signin_failures=1")  # fmt: skip
TOKEN = "rt.5512-canary/Refresh+Qw9=="
Case = tuple[Script, int, str, str]
XOAUTH2, OAUTHBEARER = ("IMAP4rev1", "AUTH=XOAUTH2", "SASL-IR"), ("IMAP4rev1", "AUTH=OAUTHBEARER")


def _mail(*hooks: object, **more: object) -> Script:
    return Script({b"INBOX": Mailbox(messages(3))}, hooks=list(hooks), **more)  # type: ignore[arg-type]


def _login(answer: str) -> Script:
    return _mail(on("LOGIN", says(answer)))


def _challenge(status: object) -> bytes:
    return base64.b64encode(json.dumps({"status": status}).encode())


REFUSED = [
    (_mail(), 0, "ok", ""),
    (_login("NO LOGIN failed. Basic authentication is disabled."), 4, "configuration", "accounts authorize work"),
    (_login("NO IMAP access is disabled for your domain"), 4, "configuration", "switched off"),
    (_login("NO [WEBALERT https://example.org/x] Web login required"), 4, "configuration", "web browser"),
    (_login("NO LOGIN failed"), 4, "ambiguous", "too many sign-ins"),
    (_mail(greeting=b"* BYE [LIMIT] too many connections\r\n"), 3, "throttled", "slower"),
    (_mail(greeting=b"220 smtp.example.org ESMTP\r\n"), 5, "unknown", "--port 993"),
    (_mail(needs_id=True), 4, "configuration", "(ID)"),
]
TOKENS = [
    ([tokens("good")], (_mail(capabilities=OAUTHBEARER, tokens={USER: "good"}), 0, "ok", "")),
    ([tokens("a"), tokens("b")], (_mail(capabilities=XOAUTH2), 4, "consent", "accounts authorize work")),
    ([tokens("a"), tokens("b")], (_mail(capabilities=OAUTHBEARER, challenge=b"%%"), 4, "consent", "authorize work")),
    ([tokens("a")], (_mail(capabilities=XOAUTH2, challenge=_challenge(429)), 3, "throttled", "slower")),
    ([tokens("a")], (_mail(on("AUTHENTICATE", says("BAD what"))), 4, "configuration", "--auth auto")),
    ([error("x", status=429, headers={"Retry-After": "100"})], (_mail(), 3, "throttled", "slower access")),
    ([Reply(404, b"<html>")], (_mail(), 3, "temporary", "oauth_token_url")),
]


async def _held(run: Run, account: Account, store: AccountStore, folder: Path, case: Case) -> None:
    """The account checked, synced and asked about, each by a command: all three say what the case says."""
    script, code, state, told = case
    async with serve(script, folder) as server:
        store.add(*_with_secret(replace(account, port=server.port, ca_file=str(server.ca_file))))
        check = await asyncio.to_thread(run, "check", "work", "--json", "--lang", "en")
        sync = await asyncio.to_thread(run, "sync", "work", "--json", "--timeout", "20")
    status = await asyncio.to_thread(run, "status", "work", "--json")
    found, result, shown = json.loads(check.out), json.loads(sync.out), json.loads(status.out)[0]["signin"]
    assert (check.code, found["state"], found["exit_code"]) == (code, state, code), found
    assert (sync.code, shown["state"]) == (code, state), (result, shown)
    assert all(told in text for text in (found["advice"], result["advice"], shown["advice"])), (found, result, shown)
    assert found_in({"code": PASSWORD, "token": TOKEN}, (check.out + sync.out + status.out).encode()) == []


def _with_secret(account: Account) -> tuple[Account, tuple[str, Secret]]:
    return account, ("refresh_token", Secret(TOKEN)) if account.settings.oauth_token_url else (
        "password",
        Secret(PASSWORD),
    )


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[3])
async def test_password(run: Run, store: AccountStore, tmp_path: Path, case: Case) -> None:
    account = Account(
        slug="work", host="localhost", user=USER, given=parse_pairs(QUICK), settings=settings_of(parse_pairs(QUICK))
    )
    await _held(run, account, store, tmp_path, case)


@pytest.mark.parametrize(("replies", "case"), TOKENS, ids=lambda each: each[3] if isinstance(each, tuple) else "")
async def test_token(run: Run, store: AccountStore, tmp_path: Path, replies: list[Reply], case: Case) -> None:
    with running(*replies) as endpoint:
        given = parse_pairs([*QUICK, f"oauth_token_url={endpoint.url}", "oauth_client_id=c"])
        account = Account(
            slug="work", host="localhost", user=USER, auth="xoauth2", given=given, settings=settings_of(given)
        )
        if case[0].capabilities == OAUTHBEARER:
            account = replace(account, auth="auto")
        await _held(run, account, store, tmp_path, case)
