"""From an account to a session that is signed in: hosts in order, verified TLS, sign-in once, ID where wanted."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.common.accounts import Account
from services.common.events import INLINE
from services.common.oauth.errors import ConsentNeeded
from services.common.providers import candidates, profile
from services.common.secret import Secret
from services.poller import peeking
from services.poller.imap.errors import (
    AmbiguousRefusal,
    IdentificationWanted,
    ImapError,
    NetworkError,
    SignInImpossible,
    TlsError,
    TokenRefused,
)
from services.poller.imap.model import Credentials, Endpoint, Limits
from services.poller.imap.session import Session
from services.poller.work import NO_ID, Work

ID_FIELDS = {"name": "Mailweir", "vendor": "Mailweir project"}
SecretSource = Callable[[bool], Awaitable[tuple[Secret | None, bool]]]
"""Gives the secret and whether it is a token; asked with True after a token was refused, for a fresh one."""
_SPACES = re.compile("[\\s\u200b\u2060\ufeff]+")


async def connect(work: Work, secret_of: SecretSource, spool: Path | None = None) -> Session:
    """A signed-in session. ``secret_of(force)`` gives the secret and whether it is an access token.

    The next host of the profile is tried only after a connection or TLS failure, never after a refused sign-in. A
    refused token is renewed once. Raises ImapError.
    """
    work.memory.connection += 1
    await peeking.recall(work)
    session = await _reach(work, spool)
    try:
        await _sign_in(work, session, secret_of)
        welcome = await _identify(work, session)
        if welcome and not work.memory.run.thrifty:
            await session.enable("QRESYNC")
    except BaseException:
        session.close()
        raise
    if welcome:
        return session
    session.close()
    return await connect(work, secret_of, spool)


async def _reach(work: Work, spool: Path | None) -> Session:
    failure: NetworkError | TlsError | None = None
    limits = _limits(work.account, spool)
    for host in candidates(profile(work.account.provider), work.account.host, work.account.user):
        try:
            session = await Session.open(endpoint(work.account, host), limits, work.memory.run.known)
        except (NetworkError, TlsError) as error:
            failure = failure or error
            continue
        await work.say(work.audit("connect", detail=f"{host}:{work.account.port}"))
        return session
    assert failure is not None
    await work.say(work.audit("connect", "failed", detail=failure.state))
    raise failure


def endpoint(account: Account, host: str, addresses: tuple[str, ...] = ()) -> Endpoint:
    """Where an account's server is, on one of its hosts; ``addresses`` were checked by the caller."""
    ca_file = Path(account.ca_file) if account.ca_file else None
    settings = account.settings
    return Endpoint(host, account.port, account.tls, ca_file, settings.legacy_tls, addresses, settings.public_only)


def _limits(account: Account, spool: Path | None) -> Limits:
    settings = account.settings
    return Limits(
        connect_timeout=settings.connect_timeout,
        command_timeout=settings.command_timeout,
        min_rate=settings.min_rate,
        max_literal=settings.max_message_bytes,
        spool_above=INLINE,
        spool_folder=spool,
    )


async def _sign_in(work: Work, session: Session, secret_of: SecretSource) -> None:
    credentials = await _credentials(work, secret_of, force=False)
    try:
        await introduced(session, credentials)
    except NetworkError:  # next time in the other way: some servers hang up on AUTHENTICATE that they advertise
        work.memory.avoids_plain = session.has("AUTH=PLAIN") and not work.memory.avoids_plain
        raise
    except (TokenRefused, AmbiguousRefusal):  # Microsoft refuses a token without saying why
        if not (session.alive and credentials.token):
            raise
        with for_a_renewed_token():
            await session.sign_in(await _credentials(work, secret_of, force=True))
    work.memory.run.facts = session.facts
    await work.say(work.audit("signin", detail=session.facts.mechanism))


async def introduced(session: Session, credentials: Credentials) -> None:
    """Sign in; where the server wants ID first, send it and sign in again. Raises as ``Session.sign_in``."""
    try:
        await session.sign_in(credentials)
    except IdentificationWanted:
        if not (session.alive and session.has("ID")):
            raise
        await session.identify(ID_FIELDS)
        await session.sign_in(credentials)


@contextmanager
def for_a_renewed_token() -> Iterator[None]:
    """Around a second sign-in: where that is refused, too, the grant itself is at fault."""
    try:
        yield
    except TokenRefused as error:
        raise ConsentNeeded(f"{error}: a renewed token, too") from error
    except AmbiguousRefusal as error:
        error.about = "token"
        raise


async def _credentials(work: Work, secret_of: SecretSource, *, force: bool) -> Credentials:
    secret, is_token = await secret_of(force)
    return credentials_of(work.account, secret, token=is_token, avoids_plain=work.memory.avoids_plain)


def credentials_of(account: Account, secret: Secret | None, *, token: bool, avoids_plain: bool = False) -> Credentials:
    """What an account signs in with. Codes that a provider makes have no spaces, but are shown and pasted with them.

    Raises SignInImpossible without a secret.
    """
    if secret is None:
        raise SignInImpossible("no secret is stored for this account", about="missing")
    known = profile(account.provider)
    text = secret.reveal()
    if known.secret in {"code", "app_password"} and not token:
        text = _SPACES.sub("", text)
    return Credentials(account.user, text, account.auth, token=token, force_login=known.force_login or avoids_plain)


async def _identify(work: Work, session: Session) -> bool:
    """ID once after sign-in, when advertised and unless it ended a connection before. False: it did so now."""
    wanted = profile(work.account.provider).identify
    if wanted == "never" or work.memory.no_id or (work.memory.run.thrifty and wanted != "required"):
        return True
    try:
        await session.identify(ID_FIELDS)
    except ImapError:
        if session.alive:
            raise
        await asyncio.to_thread(work.ledger.note_habit, work.account.slug, NO_ID, work.clock.now())
        return False
    return True
