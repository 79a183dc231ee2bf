"""Each row of the table "is it permanent?" and each rule of renewal, against a scripted token endpoint."""

import asyncio
import json
import threading
from datetime import timedelta
from email.utils import format_datetime

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.common import oauth_grants as grants
from services.common.account_fields import Account
from services.common.account_settings import parse_pairs
from services.common.accounts import AccountStore
from services.common.oauth_tokens import (
    ClientRefused,
    ConsentNeeded,
    TokenDelayed,
    TokenThrottled,
    TokenUnreachable,
    access_token,
    sign_in_secret,
)
from services.common.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.token_endpoint import Reply, Request, TokenEndpoint, error, running, tokens

FAST = ["backoff_base=10", "backoff_max=900"]


def added(store: AccountStore, endpoint: TokenEndpoint | None, *pairs: str, refresh: str = "r0") -> Account:
    given = parse_pairs([*FAST, f"oauth_token_url={endpoint.url if endpoint else 'http://127.0.0.1:1/t'}", *pairs])
    account = Account(
        slug="work",
        host="h.example.org",
        user="u@example.org",
        auth="xoauth2",
        given=given | {"oauth_client_id": "cid"},
    )
    return store.add(account, ("refresh_token", Secret(refresh)))


def stored(store: AccountStore, field: str) -> str | None:
    found = store.get_secret("work", field)
    return found.reveal() if found else None


def grant(store: AccountStore) -> grants.Grant:
    with store.engine.connect() as connection:
        return grants.grant_of(connection, "work")


async def renew(store: AccountStore, clock: FakeClock, *, force: bool = False) -> str:
    return (await access_token(store.get("work"), store, clock, force)).reveal()


async def test_renews_with_the_form_of_rfc_6749_and_keeps_the_token_for_its_life(
    store: AccountStore, clock: FakeClock
) -> None:
    with running(tokens("a1"), tokens("a2")) as endpoint:
        added(store, endpoint)
        assert await renew(store, clock) == "a1"
        clock.forward(3600 - 6 * 60 * 1.2 - 5)
        assert await renew(store, clock) == "a1"
        clock.forward(2 * 60)
        assert await renew(store, clock) == "a2"
    assert [request.form for request in endpoint.asked] == [
        {"grant_type": "refresh_token", "refresh_token": "r0", "client_id": "cid"}
    ] * 2


async def test_without_rotation_the_refresh_token_stays(store: AccountStore, clock: FakeClock) -> None:
    with running(tokens("a1")) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
    assert (stored(store, "refresh_token"), stored(store, "previous_refresh_token")) == ("r0", None)


async def test_with_rotation_the_previous_one_is_kept_until_the_new_one_worked(
    store: AccountStore, clock: FakeClock
) -> None:
    with running(tokens("a1", "r1"), tokens("a2", "r2"), tokens("a3")) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
        assert (stored(store, "refresh_token"), stored(store, "previous_refresh_token")) == ("r1", "r0")
        clock.forward(3590)
        await renew(store, clock)
        assert (stored(store, "refresh_token"), stored(store, "previous_refresh_token")) == ("r2", "r1")
        clock.forward(3590)
        await renew(store, clock)
        assert (stored(store, "refresh_token"), stored(store, "previous_refresh_token")) == ("r2", None)
    assert [request.form["refresh_token"] for request in endpoint.asked] == ["r0", "r1", "r2"]


async def test_the_new_refresh_token_is_durable_before_the_access_token_is_used(
    store: AccountStore, clock: FakeClock
) -> None:
    with running(tokens("a1", "r1")) as endpoint:
        added(store, endpoint)
        with store.engine.begin() as connection:
            connection.execute(text("ALTER TABLE account_grants ADD CONSTRAINT broken CHECK (state <> 'ok')"))
        try:
            with pytest.raises(Exception, match="SQLSTATE"):
                await renew(store, clock)
        finally:
            with store.engine.begin() as connection:
                connection.execute(text("ALTER TABLE account_grants DROP CONSTRAINT broken"))
        assert stored(store, "access_token") is None
        assert await renew(store, clock) == "a1"


async def test_a_lost_reply_is_temporary_and_the_old_token_is_tried_again(
    store: AccountStore, clock: FakeClock
) -> None:
    with running(Reply(lost=True), tokens("a1", "r1")) as endpoint:
        added(store, endpoint)
        with pytest.raises(TokenDelayed) as caught:
            await renew(store, clock)
        assert caught.value.wait
        assert stored(store, "refresh_token") == "r0"
        clock.forward(caught.value.wait)
        assert await renew(store, clock) == "a1"


async def test_invalid_grant_tries_the_previous_token_once_then_asks_for_consent(
    store: AccountStore, clock: FakeClock
) -> None:
    with running(tokens("a1", "r1"), error("invalid_grant")) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
        clock.forward(3700)
        for _ in range(3):
            with pytest.raises(ConsentNeeded, match="mailweir accounts authorize work"):
                await renew(store, clock)
    assert [request.form["refresh_token"] for request in endpoint.asked] == ["r0", "r1", "r0"]
    assert stored(store, "refresh_token") == "r1"
    assert stored(store, "previous_refresh_token") is None


async def test_the_previous_token_saves_a_grant_whose_new_one_was_refused(
    store: AccountStore, clock: FakeClock
) -> None:
    def by_token(request: Request) -> Reply:
        return tokens("good", "r2") if request.form["refresh_token"] == "r0" else error("invalid_grant")

    with running(tokens("a1", "r1"), by_token) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
        clock.forward(3700)
        assert await renew(store, clock) == "good"
    assert stored(store, "refresh_token") == "r2"


async def test_a_new_grant_by_the_owner_ends_the_need_for_consent(store: AccountStore, clock: FakeClock) -> None:
    with running(error("invalid_grant"), tokens("a1")) as endpoint:
        added(store, endpoint)
        with pytest.raises(ConsentNeeded):
            await renew(store, clock)
        store.put_secret("work", "refresh_token", Secret("fresh"))
        assert await renew(store, clock) == "a1"
    assert endpoint.asked[-1].form["refresh_token"] == "fresh"


@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client", "invalid_scope"])
async def test_the_operators_mistake_leaves_the_grant_alone_and_is_not_repeated(
    store: AccountStore, clock: FakeClock, code: str
) -> None:
    with running(error(code, status=401 if code == "invalid_client" else 400), tokens("a1")) as endpoint:
        account = added(store, endpoint)
        endpoint.replies.insert(0, endpoint.replies[0])
        for _ in range(2):
            with pytest.raises(ClientRefused, match=code):
                await renew(store, clock)
        asked = len(endpoint.asked)
        endpoint.replies[:] = [tokens("a1")]
        store.update(replace(account, given={**account.given, "oauth_scope": "imap"}))
        assert await renew(store, clock) == "a1"
    assert asked == 1
    assert stored(store, "refresh_token") == "r0"


@pytest.mark.parametrize("code", ["interaction_required", "consent_required"])
async def test_microsofts_wish_for_the_user_keeps_only_the_code_number(
    store: AccountStore, clock: FakeClock, code: str
) -> None:
    with running(error(code, "AADSTS50076: user u@example.org must use MFA. Trace ID: 1234")) as endpoint:
        added(store, endpoint)
        with pytest.raises(ConsentNeeded, match="AADSTS50076") as caught:
            await renew(store, clock)
    assert "Trace" not in str(caught.value) + grant(store).reason
    assert "example.org" not in grant(store).reason


TEMPORARY = [
    Reply(500, b"oops"),
    Reply(503, b"<html>busy</html>"),
    error("temporarily_unavailable"),
    error("server_error"),
    Reply(200, b"<html>captive portal</html>"),
    Reply(200, b""),
    Reply(200, b'{"token_type": "Bearer"}'),
    Reply(200, json.dumps({"access_token": "a\r\nb", "token_type": "Bearer"}).encode()),
    Reply(200, json.dumps({"access_token": "a", "token_type": "mac"}).encode()),
    Reply(403, b"<html>forbidden</html>"),
    Reply(200, b"[" * 100_000),
]


@pytest.mark.parametrize("reply", TEMPORARY, ids=lambda reply: f"{reply.status}-{reply.body[:12]!r}")
async def test_trouble_of_the_endpoint_is_temporary_and_overwrites_nothing(
    store: AccountStore, clock: FakeClock, reply: Reply
) -> None:
    with running(reply, tokens("a1", "r1")) as endpoint:
        added(store, endpoint)
        with pytest.raises(TokenDelayed) as caught:
            await renew(store, clock)
        with pytest.raises(TokenDelayed, match="asked to wait"):
            await renew(store, clock)
        assert len(endpoint.asked) == 1
        assert (stored(store, "refresh_token"), stored(store, "access_token")) == ("r0", None)
        clock.forward(caught.value.wait or 0)
        assert await renew(store, clock) == "a1"
    assert grant(store).failures == 0


async def test_an_unreadable_answer_is_the_operators_turn_after_three(store: AccountStore, clock: FakeClock) -> None:
    with running(Reply(200, b"<html></html>")) as endpoint:
        added(store, endpoint)
        for expected in (TokenDelayed, TokenDelayed, ClientRefused, ClientRefused):
            with pytest.raises(expected):
                await renew(store, clock)
            clock.forward(1000)
    assert len(endpoint.asked) == 3
    assert stored(store, "refresh_token") == "r0"


async def test_retry_after_is_respected_in_seconds_and_as_a_date(store: AccountStore, clock: FakeClock) -> None:
    off = clock.now() + timedelta(hours=1)
    dated = {"Date": format_datetime(off, usegmt=True)}
    dated["Retry-After"] = format_datetime(off + timedelta(seconds=700), usegmt=True)
    with running(Reply(429, headers={"Retry-After": "120"}), Reply(429, headers=dated), tokens("a1")) as endpoint:
        added(store, endpoint)
        for wait in (120, 700):
            with pytest.raises(TokenThrottled) as caught:
                await renew(store, clock)
            assert caught.value.wait == pytest.approx(wait)
            clock.forward(wait - 1)
            with pytest.raises(TokenDelayed):
                await renew(store, clock)
            clock.forward(1)
        assert await renew(store, clock) == "a1"
    assert len(endpoint.asked) == 3


async def test_a_token_that_still_lives_is_used_while_the_endpoint_is_in_trouble(
    store: AccountStore, clock: FakeClock
) -> None:
    with running(tokens("a1"), Reply(500)) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
        clock.forward(3500)
        assert await renew(store, clock) == "a1"
        clock.forward(101)
        with pytest.raises(TokenDelayed):
            await renew(store, clock)
        assert len(endpoint.asked) >= 2


async def test_an_endpoint_out_of_reach_is_temporary_and_a_connection_failure(
    store: AccountStore, clock: FakeClock
) -> None:
    added(store, None)
    with pytest.raises(TokenUnreachable, match=r"127\.0\.0\.1 did not answer") as caught:
        await renew(store, clock)
    assert caught.value.exit_code == 5


async def test_a_refused_token_is_renewed_once_by_force(store: AccountStore, clock: FakeClock) -> None:
    with running(tokens("a1"), tokens("a2")) as endpoint:
        added(store, endpoint)
        assert await renew(store, clock) == "a1"
        assert await renew(store, clock, force=True) == "a2"
    assert len(endpoint.asked) == 2


async def test_force_takes_the_token_that_another_worker_renewed_meanwhile(
    store: AccountStore, clock: FakeClock
) -> None:
    other = AccountStore(store.engine, store.keys)
    with running(tokens("a1"), tokens("a2"), tokens("a3")) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
        await renew(other, clock)
        assert await renew(other, clock, force=True) == "a2"
        assert await renew(store, clock, force=True) == "a2"
    assert len(endpoint.asked) == 2


async def test_two_workers_at_once_ask_only_once(store: AccountStore, clock: FakeClock) -> None:
    asked, release = threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        asked.set()
        release.wait(10)
        return tokens("a1", "r1")

    workers = [AccountStore(store.engine, store.keys) for _ in range(2)]
    with running(slow) as endpoint:
        account = added(store, endpoint)
        tasks = [asyncio.create_task(access_token(account, worker, clock)) for worker in workers]
        await asyncio.to_thread(asked.wait, 10)
        release.set()
        found = [token.reveal() for token in await asyncio.gather(*tasks)]
    assert found == ["a1", "a1"]
    assert len(endpoint.asked) == 1
    assert stored(store, "refresh_token") == "r1"


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_wrong_clock_is_noticed_and_does_not_shorten_or_lengthen_a_token(
    store: AccountStore, clock: FakeClock, hours: int
) -> None:
    date = {"Date": format_datetime(clock.now() - timedelta(hours=hours), usegmt=True)}
    with running(replace_headers(tokens("a1"), date), tokens("a2")) as endpoint:
        added(store, endpoint)
        assert await renew(store, clock) == "a1"
        assert grant(store).clock_skew == hours * 3600
        clock.forward(3000)
        assert await renew(store, clock) == "a1"
        clock.forward(700)
        assert await renew(store, clock) == "a2"


async def test_a_dead_grant_under_a_wrong_clock_says_so(store: AccountStore, clock: FakeClock) -> None:
    date = {"Date": format_datetime(clock.now() + timedelta(hours=1), usegmt=True)}
    with running(error("invalid_grant", headers=date)) as endpoint:
        added(store, endpoint)
        with pytest.raises(ConsentNeeded, match="clock is -3600 s off"):
            await renew(store, clock)


async def test_a_clock_set_back_does_not_make_an_old_token_young(store: AccountStore, clock: FakeClock) -> None:
    with running(tokens("a1"), tokens("a2")) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
        clock.forward(-7200)
        assert await renew(store, clock) == "a2"


async def test_a_client_secret_goes_by_basic_and_in_the_body_only_where_basic_is_refused(
    store: AccountStore, clock: FakeClock
) -> None:
    def wants_body(request: Request) -> Reply:
        return tokens("a1") if request.form.get("client_secret") == "cs" else error("invalid_client", status=401)

    with running(wants_body) as endpoint:
        added(store, endpoint)
        store.put_secret("work", "client_secret", Secret("cs"))
        assert await renew(store, clock) == "a1"
    assert endpoint.asked[0].authorization.startswith("Basic ")
    assert "client_secret" not in endpoint.asked[0].form


async def test_a_short_life_is_renewed_at_half_of_it_and_a_missing_one_is_an_hour(
    store: AccountStore, clock: FakeClock
) -> None:
    bare = Reply(200, b'{"access_token": "a2", "token_type": "bearer"}')
    with running(tokens("a1", expires_in=20), bare, tokens("a3")) as endpoint:
        added(store, endpoint)
        assert await renew(store, clock) == "a1"
        clock.forward(7)
        assert await renew(store, clock) == "a1"
        clock.forward(4)
        assert await renew(store, clock) == "a2"
        clock.forward(3000)
        assert await renew(store, clock) == "a2"


async def test_the_death_of_a_grant_is_known_ahead(store: AccountStore, clock: FakeClock) -> None:
    with running(tokens("a1", refresh_token_expires_in=6 * 86400)) as endpoint:
        added(store, endpoint)
        await renew(store, clock)
    assert grant(store).dies_at == clock.now() + timedelta(days=6)


async def test_a_token_made_elsewhere_is_used_as_it_is(store: AccountStore, clock: FakeClock) -> None:
    account = Account(slug="work", host="h", user="u", auth="oauthbearer")
    store.add(account, ("password", Secret("static")))
    assert await sign_in_secret(store.get("work"), store, clock) == (Secret("static"), True)


async def test_an_account_without_any_grant_needs_consent(store: AccountStore, clock: FakeClock) -> None:
    store.add(Account(slug="work", host="h", user="u", auth="xoauth2"))
    with pytest.raises(ConsentNeeded, match="authorize work"):
        await renew(store, clock)


async def test_auto_takes_a_password_where_there_is_no_grant(store: AccountStore, clock: FakeClock) -> None:
    store.add(Account(slug="work", host="h", user="u"), ("password", Secret("pw")))
    assert await sign_in_secret(store.get("work"), store, clock) == (Secret("pw"), False)


def replace_headers(reply: Reply, headers: dict[str, str]) -> Reply:
    return Reply(reply.status, reply.body, headers)
