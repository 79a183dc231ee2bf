"""Each row of the table "is it permanent?", against a scripted token endpoint."""

import json
from datetime import timedelta
from email.utils import format_datetime

import pytest
from msgspec.structs import replace

from services.common.accounts.store import AccountStore
from services.common.oauth.errors import ClientRefused, ConsentNeeded, TokenDelayed, TokenThrottled, TokenUnreachable
from services.common.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.ports import closed_port
from tests.fakes.token_endpoint import Reply, Request, error, running, tokens
from tests.integration.signin.grants import added, grant, renew, stored


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
        with pytest.raises(type(caught.value), match="next try in") as again:
            await renew(store, clock)
        assert again.type is caught.type
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
            with pytest.raises(TokenThrottled):
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
    with closed_port() as port:
        added(store, f"http://127.0.0.1:{port}/t")
        for _ in range(2):
            with pytest.raises(TokenUnreachable, match=r"127\.0\.0\.1 did not answer") as caught:
                await renew(store, clock)
            assert caught.value.exit_code == 5
