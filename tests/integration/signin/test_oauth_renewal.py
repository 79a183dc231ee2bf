"""Each rule of renewing tokens, against a scripted token endpoint."""

import asyncio
import threading
from datetime import timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import text

from services.common.accounts.fields import Account
from services.common.accounts.store import AccountStore
from services.common.oauth.errors import ConsentNeeded
from services.common.oauth.tokens import access_token, sign_in_secret
from services.common.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.token_endpoint import Reply, Request, error, running, tokens
from tests.integration.signin.grants import added, grant, renew, replace_headers, stored


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
