"""How an owner grants access: authorization code with PKCE (RFC 6749 4.1, 7636, 9207, 9700), device code (RFC 8628).

The same functions serve the command line and a web console: ``start`` gives the address to open and what to remember,
``finish`` takes the call-back's parameters. What is remembered is used once, for ten minutes, by the session and for
the account that it was made for.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE
from msgspec import Struct

from services.common.accounts.fields import Account
from services.common.accounts.store import AccountStore
from services.common.clock import Clock
from services.common.errors import SignInRefused
from services.common.oauth import grants
from services.common.oauth.answers import Answer, Client, Granted, Refused, is_safe, read, retry_after
from services.common.oauth.grants import Grant
from services.common.oauth.http import Unreachable, ask
from services.common.secret import Secret

LIFE = timedelta(minutes=10)
SLOWER = 5.0
_PKCE_LENGTH = 64


class AuthorizationFailed(SignInRefused):
    """The owner did not grant access, or the call-back is not the one that was asked for."""


class AuthorizationDelayed(AuthorizationFailed):
    """The endpoint gave nothing this time; starting again may do."""

    exit_code = 3


class ClientNotTaken(AuthorizationFailed):
    """The endpoint does not know this client, or its settings are wrong: the operator's turn."""

    exit_code = 2


class Pending(Struct, frozen=True):
    """An authorization under way. ``session`` binds it to whoever started it."""

    account: str
    session: str
    state: str
    verifier: Secret
    redirect_uri: str
    ends_at: datetime


class Device(Struct, frozen=True):
    """What the device-code flow shows, and what it polls with. ``interval`` and ``life`` in seconds."""

    user_code: str
    verification_uri: str
    complete_uri: str | None
    code: Secret
    interval: float
    life: float


class Pendings:
    """Authorizations under way in this process; each is taken at most once."""

    def __init__(self) -> None:
        self._by_state: dict[str, Pending] = {}

    def add(self, pending: Pending) -> None:
        """Remember."""
        self._by_state[pending.state] = pending

    def take(self, state: str, session: str, now: datetime) -> Pending:
        """The one of that state, forgotten from now on. Raises AuthorizationFailed for a foreign, used or old one."""
        found = self._by_state.pop(state, None)
        if found is None or not hmac.compare_digest(found.session.encode(), session.encode()) or now >= found.ends_at:
            raise AuthorizationFailed(
                "this call-back was not asked for here, was used already or came too late: start again"
            )
        return found


def start(account: Account, client: Client, redirect_uri: str, *, session: str, now: datetime) -> tuple[str, Pending]:
    """The address that the owner opens, and what to remember. Raises AuthorizationFailed without an address."""
    if client.authorize_url is None:
        raise AuthorizationFailed(
            f"account {account.slug} has no oauth_authorize_url: set it with mailweir accounts set {account.slug}"
            " oauth_authorize_url=..., or use --device"
        )
    state, verifier = generate_token(32), generate_token(_PKCE_LENGTH)
    url: str = prepare_grant_uri(
        client.authorize_url,
        client.client_id,
        "code",
        redirect_uri,
        client.scope,
        state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
        **{"login_hint": account.user, **client.parameters},
    )
    return url, Pending(account.slug, session, state, Secret(verifier), redirect_uri, now + LIFE)


def code_of(pending: Pending, client: Client, found: Mapping[str, str]) -> Secret:
    """The authorization code of a call-back. Raises AuthorizationFailed: other state or issuer, or a refusal."""
    if not hmac.compare_digest(found.get("state", "").encode(), pending.state.encode()):
        raise AuthorizationFailed("the call-back carries another state than was sent: nothing was stored, start again")
    if client.issuer and "iss" in found and found["iss"] != client.issuer:
        raise AuthorizationFailed("the call-back comes from another issuer than was asked: nothing was stored")
    check_granted(found)
    if not found.get("code"):
        raise AuthorizationFailed("the call-back carries no code: nothing was stored, start again")
    return Secret(found["code"])


def check_granted(found: Mapping[str, str]) -> None:
    """Raises AuthorizationFailed for a refusal (RFC 6749 section 4.1.2.1), with the provider's code for it.

    Some providers leave out the state of a refusal; it stores nothing, so it is believed without.
    """
    if "error" in found:
        code = "".join(character for character in found["error"][:60] if character.isalnum() or character in "_.-")
        raise AuthorizationFailed(f"access was not granted ({code}); start again when you want to grant it")


async def exchange(pending: Pending, client: Client, code: Secret, secret: Secret | None) -> Granted:
    """Tokens for a code. Raises AuthorizationFailed and its kinds, or Unreachable."""
    form = {
        "grant_type": "authorization_code",
        "code": code.reveal(),
        "redirect_uri": pending.redirect_uri,
        "code_verifier": pending.verifier.reveal(),
    }
    try:
        result = read(await ask(client, client.token_url, form, secret))
    except Unreachable as error:
        raise Unreachable(f"{error}; nothing was stored: start again") from None
    if isinstance(result, Refused):
        raise _refusal(result, "the token endpoint did not take the code")
    return result


def _refusal(refused: Refused, said: str) -> AuthorizationFailed:
    """What an answer without tokens means, and what to do."""
    if refused.kind == "consent":
        return AuthorizationFailed(f"{said} ({refused.code}): start again")
    if refused.kind == "operator":
        settings = "oauth_client_id, client_secret, oauth_scope and the oauth addresses of the account"
        return ClientNotTaken(f"{said} ({refused.code}): check {settings}")
    if refused.kind == "unreadable":
        return AuthorizationDelayed(f"{said} ({refused.code}): start again; if it stays, check the oauth addresses")
    wait = f" in {refused.wait:.0f} s" if refused.wait else ""
    return AuthorizationDelayed(f"{said} ({refused.code}): start again{wait}")


async def start_device(client: Client, secret: Secret | None) -> Device:
    """Ask for a device code (RFC 8628 section 3.1). Raises AuthorizationFailed or Unreachable."""
    if client.device_url is None:
        raise AuthorizationFailed("this provider has no device flow here: set oauth_device_url, or leave out --device")
    answer = await ask(client, client.device_url, {"scope": client.scope} if client.scope else {}, secret)
    found = _fields(answer)
    code, user_code = found.get("device_code"), found.get("user_code")
    uri = found.get("verification_uri") or found.get("verification_url")
    if not (isinstance(code, str) and isinstance(user_code, str) and user_code.isprintable() and _is_shown(uri)):
        reason = read(answer)
        refused = reason if isinstance(reason, Refused) else Refused("unreadable", "unreadable")
        raise _refusal(refused, "no device code was given")
    complete = found.get("verification_uri_complete")
    shown = str(complete) if _is_shown(complete) else None
    return Device(
        user_code,
        str(uri),
        shown,
        Secret(code),
        _number(found.get("interval"), 5),
        _number(found.get("expires_in"), 900),
    )


async def await_device(client: Client, device: Device, secret: Secret | None, clock: Clock) -> Granted:
    """Poll until the owner has answered (RFC 8628 section 3.5). Raises AuthorizationFailed."""
    form = {"grant_type": DEVICE_CODE_GRANT_TYPE, "device_code": device.code.reveal()}
    interval, ends_at = device.interval, clock.monotonic() + device.life
    while clock.monotonic() < ends_at:
        await clock.sleep(interval)
        try:
            answer = await ask(client, client.token_url, form, secret)
        except Unreachable:
            interval *= 2
            continue
        result = read(answer)
        if isinstance(result, Granted):
            return result
        if result.kind in {"consent", "operator", "unreadable"}:
            raise _refusal(result, "access was not granted")
        if result.code == "slow_down":
            interval += SLOWER
        interval = max(interval, retry_after(answer.headers) or 0.0)
    raise AuthorizationFailed("nobody answered in time: start again")


def keep(
    store: AccountStore, account: Account, client: Client, granted: Granted, now: datetime, *, any_address: bool = False
) -> None:
    """Store what was granted, sealed; a running poller sees it. Blocks. ``any_address``: for a shared mailbox.

    Raises:
        AuthorizationFailed: it was granted for another mailbox, or there is no refresh token to keep access with.

    """
    other = granted.address and "@" in account.user and granted.address.lower() != account.user.lower()
    if other and not any_address:
        raise AuthorizationFailed(
            f"{granted.address} granted access, but account {account.slug} is {account.user}: sign in as that one"
        )
    if granted.refresh_token is None:
        raise AuthorizationFailed(
            "the provider gave no refresh token, so access would end soon: ask for offline access in oauth_scope"
        )
    if account.auth == "password":
        store.update(msgspec.structs.replace(account, auth="auto"))
    store.put_secret(account.slug, grants.REFRESH, granted.refresh_token)
    dies = granted.refresh_life or (client.dies_after_days or 0) * 86400
    grant = Grant(renewed_at=now, dies_at=now + timedelta(seconds=dies) if dies else None)
    grants.store_granted(store.engine, store.keys, account.slug, granted, now, grant, used=granted.refresh_token)


def _is_shown(uri: object) -> bool:
    """Whether an address may be put before a person."""
    return isinstance(uri, str) and uri.isprintable() and is_safe(uri)


def _fields(answer: Answer) -> Mapping[str, object]:
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: object, otherwise: float) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return number if 0 < number < 86_400 else otherwise
