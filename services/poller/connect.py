"""From an account to a session that is signed in: hosts in order, verified TLS, sign-in once, ID where wanted."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.common.accounts.providers import candidates, profile
from services.common.accounts.store import Account
from services.common.errors import Unavailable
from services.common.events import INLINE
from services.common.oauth.errors import ConsentNeeded
from services.common.secret import Secret
from services.poller import peeking
from services.poller.domain.choose import chosen
from services.poller.imap.errors import (
    AmbiguousRefusal,
    IdentificationWanted,
    ImapError,
    NetworkError,
    SignInImpossible,
    TlsError,
    TokenRefused,
    TooManyConnections,
)
from services.poller.imap.foresight import Foresight
from services.poller.imap.model import Credentials, Endpoint, Folder, Limits
from services.poller.imap.names import INBOX
from services.poller.imap.session import Session
from services.poller.operator_log import log_alerts
from services.poller.passes.enumerate import MOST_SIZES, WITH_SIZES
from services.poller.work import NO_ID, ONE_BY_ONE, Work

ID_FIELDS = {"name": "Mailweir", "vendor": "Mailweir project"}
SecretSource = Callable[[bool], Awaitable[tuple[Secret | None, bool]]]
"""Gives the secret and whether it is a token; asked with True after a token was refused, for a fresh one."""
_SPACES = re.compile("[\\s\u200b\u2060\ufeff]+")


async def connect(work: Work, secret_of: SecretSource, spool: Path | None = None) -> Session:
    """A signed-in session. ``secret_of(force)`` gives the secret and whether it is an access token.

    The next host of the profile is tried only after a connection or TLS failure, never after a refused sign-in. A
    refused token is renewed once. It waits for its turn where the server wants that. Raises ImapError.
    """
    clock, account = work.clock, work.account
    while True:
        await work.turns.enter(account, clock.monotonic())
        try:
            return await _connected(work, secret_of, spool)
        except BaseException as error:
            work.turns.leave(account, clock.monotonic())
            full = isinstance(error, TooManyConnections)
            if not (full and work.turns.refused(account, clock.monotonic())):
                raise
        await clock.sleep(account.settings.login_min_interval)


async def _connected(work: Work, secret_of: SecretSource, spool: Path | None) -> Session:
    work.memory.connection += 1
    await peeking.recall(work)
    session = await _reach(work, spool)
    try:
        session.foresight = await _foresight(work)
        if await _welcomed(work, session, secret_of):
            return session
    except BaseException:
        session.close()
        raise
    session.close()
    return await _connected(work, secret_of, spool)


async def leave(work: Work, session: Session) -> None:
    """LOGOUT. A connection that ended with commands unanswered that were sent ahead is the last of this kind."""
    try:
        await session.logout()
        log_alerts(work, session)
    finally:
        work.turns.leave(work.account, work.clock.monotonic(), served=True)
    if session.overtaken:
        with suppress(Unavailable):  # it would hide why the connection ended
            await _note(work, ONE_BY_ONE)


async def _foresight(work: Work) -> Foresight | None:
    """What is certain to follow the sign-in; None where commands are sent one by one."""
    memory, settings = work.memory, work.account.settings
    wary = profile(work.account.provider).identify == "required" or memory.one_by_one(work.clock.now())
    if wary or memory.run.thrifty:
        return None
    known = await asyncio.to_thread(work.ledger.folders, work.account.slug)
    first = not known and chosen(Folder(INBOX, "INBOX", special_use="\\Inbox"), settings.include, settings.exclude)
    fields = ID_FIELDS if _identifies(work) else None
    return Foresight(fields, inbox=first, items=WITH_SIZES, most=MOST_SIZES)


async def _welcomed(work: Work, session: Session, secret_of: SecretSource) -> bool:
    """Sign in and say who is there. False: the connection ended of what will be left out on the next."""
    try:
        await _sign_in(work, session, secret_of)
        welcome = await _identify(work, session)
        if welcome and not work.memory.run.thrifty:
            await session.enable("QRESYNC")
    except ImapError:
        if not session.overtaken:
            raise
        await _note(work, ONE_BY_ONE)
        return False
    return welcome


async def _reach(work: Work, spool: Path | None) -> Session:
    failure: NetworkError | TlsError | None = None
    limits = _limits(work.account, spool)
    for host in candidates(profile(work.account.provider), work.account.host, work.account.user):
        try:
            session = await Session.open(endpoint(work.account, host), limits, work.memory.run.known)
        except (NetworkError, TlsError) as error:
            failure = failure or error
            continue
        try:
            await work.say(work.audit("connect", detail=f"{host}:{work.account.port}"))
        except BaseException:
            session.close()
            raise
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
        if not session.overtaken:
            work.memory.avoids_plain = session.has("AUTH=PLAIN") and not work.memory.avoids_plain
        raise
    except (TokenRefused, AmbiguousRefusal):  # Microsoft refuses a token without saying why
        if not (session.alive and credentials.token):
            raise
        with for_a_renewed_token():
            await session.sign_in(await _credentials(work, secret_of, force=True))
    work.memory.run.facts = session.facts
    log_alerts(work, session)
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
    if not _identifies(work):
        return True
    try:
        await session.identify(ID_FIELDS)
    except ImapError:
        if session.alive or session.overtaken:
            raise
        await _note(work, NO_ID)
        return False
    return True


def _identifies(work: Work) -> bool:
    wanted = profile(work.account.provider).identify
    return wanted != "never" and not work.memory.no_id and (wanted == "required" or not work.memory.run.thrifty)


async def _note(work: Work, habit: str) -> None:
    await asyncio.to_thread(work.ledger.note_habit, work.account.slug, habit, work.clock.now())
