"""The login doctor: one visit to a server, step by step, read-only. Yields facts; how they are shown is elsewhere.

A step that fails is the last one that is tried. Nothing secret enters a step; mail addresses and folder names may, so
whoever shows steps decides what to hide.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from services.common import guard
from services.common.accounts.providers import candidates
from services.common.errors import ConfigurationError, MailweirError
from services.poller.connect import ID_FIELDS, credentials_of, endpoint, for_a_renewed_token, introduced
from services.poller.doctor import mailbox
from services.poller.doctor.model import NAMES, Step, Visit
from services.poller.imap.errors import (
    AmbiguousRefusal,
    ConnectionLost,
    ImapError,
    NetworkError,
    ProtocolViolation,
    TlsError,
    TokenRefused,
    about,
)
from services.poller.imap.model import Credentials, Folder, Limits
from services.poller.imap.offer import offered
from services.poller.imap.session import Session

SOON_DAYS = 14
_HANDSHAKE = {"legacy", "tls_old", "tls_weak"}


async def examine(visit: Visit) -> AsyncIterator[Step]:
    """All steps in the order of NAMES; after a failed one the rest comes as ``skipped``."""
    done: set[str] = set()
    async for step in _steps(visit):
        done.add(step.name)
        yield step
    for name in NAMES:
        if name not in done:
            yield Step(name, "skipped")


async def first_steps(visit: Visit) -> Step:
    """Only as far as sign-in: the step that failed, or the good sign-in."""
    last = Step("lookup", "failed")
    steps = _steps(visit)
    async for last in steps:
        if last.outcome == "failed" or last.name == "signin":
            break
    await steps.aclose()
    return last


async def folders_of(visit: Visit) -> tuple[Folder, ...]:
    """Only the folders, for a list. Raises as ``signed_in``."""
    async with signed_in(visit) as session:
        return await session.list_folders()


@asynccontextmanager
async def signed_in(visit: Visit) -> AsyncIterator[Session]:
    """A session while the block runs. Raises ImapError or TokenError."""
    visit.session = await _open_any(visit)
    try:
        await visit.connected.sign_in(await _credentials(visit))
        await _identify(visit)
        yield visit.connected
    finally:
        await visit.connected.logout()


async def _steps(visit: Visit) -> AsyncGenerator[Step, None]:
    try:
        reached = await _found(visit)
        for step in reached:
            yield step
        if reached[-1].outcome == "failed":
            return
        for name, run in (*_SIGN_IN, *mailbox.STEPS):
            step = await _guarded(name, run, visit)
            yield step
            if step.outcome == "failed":
                return
    finally:
        if visit.session is not None:
            await visit.session.logout()


async def _found(visit: Visit) -> list[Step]:
    """Steps up to the capabilities, on the first of the provider's hosts that answers safely; else on the first one."""
    own = visit.account
    first: list[Step] = []
    for host in _hosts(visit):
        visit.account = msgspec.structs.replace(own, host=host)
        lookup = await _lookup(visit)
        steps = [lookup, *([] if lookup.outcome == "failed" else await _reached(visit))]
        first = first or steps
        if steps[-1].outcome != "failed":
            other = Step("lookup", "warning", lookup.seen, reason=f"{own.host} does not answer, {host} does")
            return steps if host == own.host else [other, *steps[1:]]
    visit.account = own
    return first


async def _guarded(name: str, run: Callable[[Visit], Awaitable[Step]], visit: Visit) -> Step:
    try:
        return await run(visit)
    except (MailweirError, OSError) as error:
        return failed(name, error)


def failed(name: str, error: Exception) -> Step:
    """A failed step from the error, with the name of the advice that fits."""
    if isinstance(error, ConfigurationError):  # its text says already what to do
        return Step(name, "failed", {}, "configuration", str(error), "", error.exit_code)
    state = str(getattr(error, "state", "unknown"))
    return Step(name, "failed", {}, state, str(error), about(error), int(getattr(error, "exit_code", 1)))


async def _lookup(visit: Visit) -> Step:
    host, start = visit.account.host, visit.clock.monotonic()
    if visit.addresses:
        return Step("lookup", "ok", {"host": host, "addresses": list(visit.addresses), "ms": 0.0})
    try:
        async with asyncio.timeout(visit.account.settings.connect_timeout):
            addresses = sorted(set(await guard.lookup(host, visit.account.port)))
    except OSError:
        return Step("lookup", "failed", {}, "network", f"the name {host} cannot be resolved", "network", 5)
    return Step("lookup", "ok", {"host": host, "addresses": addresses, "ms": visit.milliseconds(start)})


async def _reached(visit: Visit) -> list[Step]:
    """Connect, TLS, greeting and capabilities: one call of the session, told as four steps."""
    start, port = visit.clock.monotonic(), {"port": visit.account.port}
    try:
        visit.session = session = await _open(visit)
    except ImapError as error:
        place = _where(error)
        step = failed(place, error)
        if isinstance(error, ProtocolViolation):  # no IMAP server there, whatever else it may be
            step = msgspec.structs.replace(step, exit_code=5)
        if place == "tls" and step.about in _HANDSHAKE:
            step = await _with_offer(visit, step)
        return [*([] if place == "connect" else [Step("connect", "ok", port)]), step]
    facts = session.facts
    return [
        Step("connect", "ok", {"address": facts.address, **port, "ms": visit.milliseconds(start)}),
        _tls(visit, session),
        Step("greeting", "ok", {"text": facts.greeting}),
        Step("capabilities", "ok", {"names": sorted(facts.capabilities_before)}),
    ]


async def _with_offer(visit: Visit, step: Step) -> Step:
    """The failed handshake with what the server would take; only for an operator, who may connect anywhere."""
    account = visit.account
    if visit.addresses or account.settings.public_only:
        return step
    offer = await offered(endpoint(account, account.host), account.settings.connect_timeout)
    if offer is None:
        return step
    seen = {"version": offer.version, "cipher": offer.cipher}
    reason = f"{step.reason}; it offers {offer.version} with {offer.cipher}"
    return msgspec.structs.replace(step, seen=seen, reason=reason)


def _where(error: ImapError) -> str:
    """Which step of reaching the server an error belongs to."""
    if isinstance(error, TlsError) or "TLS handshake" in str(error):
        return "tls"
    return "connect" if isinstance(error, NetworkError) and not isinstance(error, ConnectionLost) else "greeting"


def _tls(visit: Visit, session: Session) -> Step:
    facts, account = session.facts, visit.account
    days = None
    if facts.certificate_ends is not None:
        days = int((facts.certificate_ends - visit.clock.now().timestamp()) // 86400)
    seen = {
        "mode": account.tls,
        "version": facts.tls_version,
        "cipher": facts.tls_cipher,
        "issuer": facts.certificate_issuer,
        "names": list(facts.certificate_names),
        "days_left": days,
        "legacy": account.settings.legacy_tls,
    }
    soon = days is not None and days < SOON_DAYS
    return Step("tls", "warning" if soon else "ok", seen, reason=f"the certificate ends in {days} days" if soon else "")


async def _open_any(visit: Visit) -> Session:
    """On the first of the provider's hosts that answers safely; a refused sign-in comes later and tries no other."""
    own, problem = visit.account, None
    for host in _hosts(visit):
        visit.account = msgspec.structs.replace(own, host=host)
        try:
            return await _open(visit)
        except (NetworkError, TlsError) as error:
            problem = problem or error
    visit.account = own
    assert problem is not None
    raise problem


def _hosts(visit: Visit) -> tuple[str, ...]:
    own = visit.account
    return (own.host,) if visit.addresses else candidates(visit.profile, own.host, own.user)


async def _open(visit: Visit) -> Session:
    account, settings = visit.account, visit.account.settings
    limits = Limits(settings.connect_timeout, settings.command_timeout, settings.min_rate)
    return await Session.open(endpoint(account, account.host, visit.addresses), limits)


async def _sign_in(visit: Visit) -> Step:
    start, renewed = visit.clock.monotonic(), False
    credentials = await _credentials(visit)
    try:
        await introduced(visit.connected, credentials)
    except (TokenRefused, AmbiguousRefusal):  # Microsoft refuses a token without saying why
        if not credentials.token:
            raise
        with for_a_renewed_token():
            await _again(visit, fresh=True)
        renewed = True
    seen = {"mechanism": visit.connected.facts.mechanism, "token_renewed": renewed, "ms": visit.milliseconds(start)}
    skew = await asyncio.to_thread(visit.skew) if credentials.token else 0
    clock = f"this machine's clock is {skew:+d} s off the token endpoint's: set it" if skew else ""
    return Step("signin", "warning" if skew else "ok", seen, reason=clock)


async def _again(visit: Visit, *, fresh: bool = False) -> None:
    """Another connection, signed in; ``fresh`` with a renewed token."""
    credentials = await _credentials(visit, fresh=fresh)
    visit.connected.close()
    visit.session = await _open(visit)
    await visit.session.sign_in(credentials)


async def _credentials(visit: Visit, *, fresh: bool = False) -> Credentials:
    secret, is_token = await visit.credentials(fresh)
    return credentials_of(visit.account, secret, token=is_token)


async def _capabilities_after(visit: Visit) -> Step:
    return Step("capabilities_after", "ok", {"names": sorted(visit.connected.capabilities)})


async def _identify(visit: Visit) -> Step:
    advertised = visit.connected.has("ID")
    if not advertised or visit.profile.identify == "never":
        return Step("id", "ok", {"sent": False, "advertised": advertised})
    try:
        answer = await visit.connected.identify(ID_FIELDS)
    except ConnectionLost:
        await _again(visit)
        return Step("id", "warning", {"sent": True, "accepted": False}, reason="the server closes the connection on ID")
    reply = answer.reply or {}
    server = " ".join(filter(None, (reply.get("name"), reply.get("version"))))
    return Step("id", "ok", {"sent": True, "advertised": True, "accepted": answer.accepted, "server": server})


_SIGN_IN: tuple[tuple[str, Callable[[Visit], Awaitable[Step]]], ...] = (
    ("signin", _sign_in),
    ("capabilities_after", _capabilities_after),
    ("id", _identify),
)
