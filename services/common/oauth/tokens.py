"""A good access token for an account: renewed early, by one process at a time, durable before it is used.

The order of each renewal: advisory lock, look again, ask, store the new refresh token (the old one is kept until the
new one worked), then use. Every row of the table in docs/signin.md ends as one of the errors below.
"""

import asyncio
import random
from contextlib import ExitStack
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.accounts.store import AccountStore
from services.common.clock import Clock
from services.common.database import transaction
from services.common.oauth import grants
from services.common.oauth.answers import (
    NOTABLE_SKEW,
    Client,
    Granted,
    Refused,
    client_of,
    margin,
    read,
    skew,
)
from services.common.oauth.errors import ClientRefused, ConsentNeeded, TokenDelayed, TokenError, delay
from services.common.oauth.grants import Grant, Held
from services.common.oauth.http import Unreachable, ask
from services.common.secret import Secret

LOCK_STEP = 0.2
LOCK_SECONDS = 90.0
UNREADABLE_TO_OPERATOR = 3
_random = random.SystemRandom()


class _Renewal(Struct, frozen=True):
    """What one renewal works with."""

    account: Account
    store: AccountStore
    clock: Clock
    client: Client
    grant: Grant


async def access_token(account: Account, store: AccountStore, clock: Clock, force: bool = False) -> Secret:
    """An access token that is good for now.

    ``force``: the server refused the token given before; it is renewed once, unless another process did so already.
    An account without a refresh token but with a secret gets that secret as its token (made elsewhere, never renewed).

    Raises:
        ConsentNeeded, ClientRefused, TokenDelayed, TokenThrottled: by whose turn it is.
        ConfigurationError: settings are missing, or the master key is lost.

    """
    given = store.memory.get(account.slug)
    found = await asyncio.to_thread(_stored, account.slug, store)
    if found and (not force or found.token != given) and not _due(found, clock.now()):
        return _remember(store, account, found.token)
    if await asyncio.to_thread(store.get_secret, account.slug, grants.REFRESH) is None:
        return await _static(account, store)
    refused = given or (found.token if found else None)
    return _remember(store, account, await _renewed(account, store, clock, refused if force else None))


async def sign_in_secret(
    account: Account, store: AccountStore, clock: Clock, force: bool = False
) -> tuple[Secret | None, bool]:
    """What the account signs in with, and whether it is an access token (else a password or authorization code).

    ``auto`` means: a token where the account has a refresh token or its provider takes nothing else. None: nothing is
    stored. Raises as :func:`access_token`.
    """
    names = {info.field for info in await asyncio.to_thread(store.secret_infos, account.slug)}
    only_tokens = profile(account.provider).grants and "password" not in names
    if account.by_token or (account.auth == "auto" and (only_tokens or grants.REFRESH in names)):
        return await access_token(account, store, clock, force), True
    return await asyncio.to_thread(store.get_secret, account.slug, "password"), False


def _remember(store: AccountStore, account: Account, token: Secret) -> Secret:
    store.memory[account.slug] = token
    return token


async def _static(account: Account, store: AccountStore) -> Secret:
    token = await asyncio.to_thread(store.get_secret, account.slug, "password")
    if token is None:
        raise ConsentNeeded(f"{account.slug} has no grant yet: run mailweir accounts authorize {account.slug}")
    return token


def _stored(slug: str, store: AccountStore) -> Held | None:
    with transaction(store.engine) as connection:
        return grants.held(connection, store.keys, slug)


def _due(token: Held, now: datetime) -> bool:
    """Whether it is time to renew; up to a fifth of the margin earlier, so that workers do not come all at once.

    A token from the future means that this clock went back: its age is unknown, so it is due.
    """
    life = (token.ends_at - token.received_at).total_seconds()
    early = margin(life) * _random.uniform(1.0, 1.2)
    return now >= token.ends_at - timedelta(seconds=early) or token.received_at - now > timedelta(seconds=NOTABLE_SKEW)


async def _renewed(account: Account, store: AccountStore, clock: Clock, refused: Secret | None) -> Secret:
    """Renew under the lock; a waiter finds the new token of the process that was first."""
    client = client_of(account)
    waited = 0.0
    while True:
        with ExitStack() as stack:
            if await asyncio.to_thread(stack.enter_context, grants.renewal_lock(store.engine, account.slug)):
                found, grant = await asyncio.to_thread(_look, account.slug, store)
                if found and found.token != refused and not _due(found, clock.now()):
                    return found.token
                return await _once(_Renewal(account, store, clock, client, grant), found, refused)
        if waited >= LOCK_SECONDS:
            raise TokenDelayed(f"another process holds the renewal of {account.slug} for {LOCK_SECONDS:g} s", LOCK_STEP)
        await clock.sleep(LOCK_STEP)
        waited += LOCK_STEP


def _look(slug: str, store: AccountStore) -> tuple[Held | None, Grant]:
    with transaction(store.engine) as connection:
        return grants.held(connection, store.keys, slug), grants.grant_of(connection, slug)


async def _once(renewal: _Renewal, found: Held | None, refused: Secret | None) -> Secret:
    """One renewal; when it fails, the token at hand is used as long as it lives and was not refused."""
    now = renewal.clock.now()
    still_good = found.token if found and found.token != refused and now < found.ends_at else None
    try:
        _raise_known(renewal, now)
        return await _ask_and_store(renewal)
    except TokenError:
        if still_good is not None:
            return still_good
        raise


def _raise_known(renewal: _Renewal, now: datetime) -> None:
    """What an earlier try found out still holds: nothing is sent."""
    grant, name = renewal.grant, renewal.account.slug
    if grant.state == "consent":
        raise ConsentNeeded(_consent_text(name, grant))
    if grant.state == "operator":
        raise ClientRefused(_operator_text(name, grant.reason))
    if grant.next_try and now < grant.next_try:
        raise delay(name, grant.kind, grant.reason, (grant.next_try - now).total_seconds())


async def _ask_and_store(renewal: _Renewal) -> Secret:
    store, slug = renewal.store, renewal.account.slug
    refresh = await asyncio.to_thread(store.get_secret, slug, grants.REFRESH)
    result, ahead = await _ask(renewal, refresh)
    if isinstance(result, Refused) and result.code.startswith("invalid_grant"):
        other = await asyncio.to_thread(_another_token, store, slug, refresh)
        if other is not None:
            refresh = other
            result, ahead = await _ask(renewal, refresh)
    if isinstance(result, Refused):
        raise await asyncio.to_thread(_noted, renewal, result, ahead)
    now = renewal.clock.now()
    grant = Grant(renewed_at=now, dies_at=_dies_at(renewal, result, now), clock_skew=_notable(ahead))
    await asyncio.to_thread(grants.store_granted, store.engine, store.keys, slug, result, now, grant, used=refresh)
    return result.access_token


def _another_token(store: AccountStore, slug: str, used: Secret | None) -> Secret | None:
    """A refresh token that was stored meanwhile, else the previous one; it is tried once, since consent forgets it."""
    newer = store.get_secret(slug, grants.REFRESH)
    if newer is not None and newer != used:
        return newer
    return store.get_secret(slug, grants.PREVIOUS)


async def _ask(renewal: _Renewal, refresh: Secret | None) -> tuple[Granted | Refused, float]:
    """The endpoint's answer, and how many seconds our clock is ahead of its."""
    client, store = renewal.client, renewal.store
    secret = await asyncio.to_thread(store.get_secret, renewal.account.slug, "client_secret")
    form = {"grant_type": "refresh_token", "refresh_token": refresh.reveal() if refresh else ""}
    try:
        answer = await ask(client, client.token_url, form, secret)
    except Unreachable as error:
        return Refused("unreachable", str(error)), 0.0
    return read(answer), skew(answer.headers, renewal.clock.now())


def _noted(renewal: _Renewal, refused: Refused, ahead: float) -> TokenError:
    """Store what the refusal means, and the error to raise."""
    slug, kind = renewal.account.slug, refused.kind
    failures = renewal.grant.failures + 1
    grant = replace(renewal.grant, reason=refused.code, kind=kind, failures=failures, clock_skew=_notable(ahead))
    unreadable = refused.kind == "unreadable" and grant.failures >= UNREADABLE_TO_OPERATOR
    error: TokenError
    if kind == "consent":
        grant = replace(grant, state="consent", next_try=None)
        error = ConsentNeeded(_consent_text(slug, grant))
    elif kind == "operator" or unreadable:
        grant = replace(grant, state="operator", next_try=None)
        error = ClientRefused(_operator_text(slug, refused.code))
    else:
        wait = max(refused.wait or 0.0, _backoff(renewal.account, grant.failures))
        grant = replace(grant, next_try=renewal.clock.now() + timedelta(seconds=wait))
        error = delay(slug, kind, refused.code, wait)
    with transaction(renewal.store.engine) as connection:
        grants.put_grant(connection, slug, grant)
        if kind == "consent":
            grants.forget_previous(connection, slug)
    return error


def _backoff(account: Account, failures: int) -> float:
    settings = account.settings
    most = min(settings.backoff_base * 2 ** min(failures - 1, 30), settings.backoff_max)
    return _random.uniform(most / 2, most)


def _dies_at(renewal: _Renewal, granted: Granted, now: datetime) -> datetime | None:
    """When the owner must consent again: as the answer says, else as long as the provider keeps a refresh token."""
    if granted.refresh_life:
        return now + timedelta(seconds=granted.refresh_life)
    days = renewal.client.dies_after_days
    if days is None:
        return renewal.grant.dies_at
    return now + timedelta(days=days) if granted.refresh_token else renewal.grant.dies_at


def _notable(ahead: float) -> int:
    return round(ahead) if abs(ahead) > NOTABLE_SKEW else 0


def _consent_text(name: str, grant: Grant) -> str:
    clock = f"; this machine's clock is {grant.clock_skew:+d} s off: set it first" if grant.clock_skew else ""
    return f"the grant of {name} has ended ({grant.reason}): run mailweir accounts authorize {name}{clock}"


def _operator_text(name: str, code: str) -> str:
    return (
        f"the token endpoint of {name} gives nothing to this client ({code}): check oauth_client_id,"
        " client_secret, oauth_scope and oauth_token_url of the account, then set one of them again"
    )
