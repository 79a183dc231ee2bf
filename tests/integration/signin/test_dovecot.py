"""Sign-in against a real Dovecot: password, XOAUTH2 and OAUTHBEARER, over implicit TLS and STARTTLS."""

from collections.abc import Iterator
from functools import partial

import pytest
from msgspec.structs import replace

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.accounts.settings import parse_pairs
from services.common.accounts.store import AccountStore
from services.common.clock import SystemClock
from services.common.oauth.tokens import sign_in_secret
from services.common.secret import Secret
from services.front import doctor_view as view
from services.poller.doctor.model import Step, Visit
from services.poller.doctor.visit import examine
from tests.dovecot_server import PASSWORD, USER, Dovecot, running
from tests.fakes.token_endpoint import error, tokens
from tests.fakes.token_endpoint import running as endpoint_running


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with running(tmp_path_factory.mktemp("dovecot")) as found:
        yield found


def account(dovecot: Dovecot, tls: str = "implicit", auth: str = "auto") -> Account:
    port = dovecot.implicit if tls == "implicit" else dovecot.starttls
    return Account(
        slug="work", host="localhost", port=port, tls=tls, user=USER, auth=auth, ca_file=str(dovecot.ca_file)  # type: ignore[arg-type]
    )  # fmt: skip


async def visited(store: AccountStore) -> list[Step]:
    stored, clock = store.get("work"), SystemClock()
    source = partial(sign_in_secret, stored, store, clock)
    return [step async for step in examine(Visit(stored, profile(stored.provider), source, clock))]


def signin(steps: list[Step]) -> Step:
    return next(step for step in steps if step.name == "signin")


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("auth", ["auto", "password"])
async def test_a_password_with_odd_characters(store: AccountStore, dovecot: Dovecot, tls: str, auth: str) -> None:
    store.add(account(dovecot, tls, auth), ("password", Secret(PASSWORD)))
    steps = await visited(store)
    assert view.exit_code(steps) == 0, [step for step in steps if step.outcome == "failed"]
    assert {step.name: step.outcome for step in steps}["idle"] == "ok"


async def test_a_wrong_password(store: AccountStore, dovecot: Dovecot) -> None:
    store.add(account(dovecot), ("password", Secret("wrong")))
    steps = await visited(store)
    assert (signin(steps).state, view.exit_code(steps)) == ("credential", 4)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
async def test_a_token_made_elsewhere(store: AccountStore, dovecot: Dovecot, tls: str, auth: str) -> None:
    store.add(account(dovecot, tls, auth), ("password", Secret(dovecot.token())))
    steps = await visited(store)
    assert view.exit_code(steps) == 0, [step for step in steps if step.outcome == "failed"]
    assert signin(steps).seen["mechanism"] == auth.upper()


@pytest.mark.parametrize("auth", ["auto", "xoauth2", "oauthbearer"])
async def test_an_expired_token_is_renewed_once(store: AccountStore, dovecot: Dovecot, auth: str) -> None:
    with endpoint_running(tokens(dovecot.token(-60), "r1"), tokens(dovecot.token(), "r2")) as endpoint:
        _add_grant(store, dovecot, auth, endpoint.url)
        steps = await visited(store)
    assert view.exit_code(steps) == 0, [step for step in steps if step.outcome == "failed"]
    assert signin(steps).seen["token_renewed"] is True
    assert len(endpoint.asked) == 2
    assert store.get_secret("work", "refresh_token") == Secret("r2")


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
async def test_a_token_for_somebody_else_and_a_dead_grant(store: AccountStore, dovecot: Dovecot, auth: str) -> None:
    with endpoint_running(tokens(dovecot.token(user="other@example.com"))) as endpoint:
        _add_grant(store, dovecot, auth, endpoint.url)
        steps = await visited(store)
        assert (signin(steps).outcome, view.exit_code(steps)) == ("failed", 4)
        assert len(endpoint.asked) == 2
        endpoint.replies[:] = [error("invalid_grant")]
        store.put_secret("work", "refresh_token", Secret("dead"))
        steps = await visited(store)
    assert (signin(steps).state, view.exit_code(steps)) == ("consent", 4)


def _add_grant(store: AccountStore, dovecot: Dovecot, auth: str, url: str) -> None:
    given = parse_pairs([f"oauth_token_url={url}", "oauth_client_id=cid"])
    store.add(replace(account(dovecot, auth=auth), given=given), ("refresh_token", Secret("r0")))
