"""One account, for ever: a kept connection, IDLE as a hint, polling beside it, and a try again after each failure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from services.common.accounts.providers import profile
from services.common.clock import Clock
from services.common.errors import ConfigurationError, MailweirError, Unavailable
from services.common.oauth.errors import ClientRefused, ConsentNeeded, TokenDelayed, TokenError
from services.poller.connect import SecretSource, connect, leave
from services.poller.domain.retrying import Decision, Failures, Kind, Pace, decide
from services.poller.domain.schedule import asked_wait
from services.poller.domain.state import FolderRecord
from services.poller.folders import catalog
from services.poller.imap.errors import (
    AmbiguousRefusal,
    CommandRejected,
    CredentialRefused,
    IdentificationWanted,
    ImapError,
    NetworkError,
    QuotaExceeded,
    Refused,
    SignInError,
    Throttled,
    TlsError,
    about,
)
from services.poller.imap.session import Session
from services.poller.operator_log import log_alerts
from services.poller.passes import folder_pass
from services.poller.tasks import listening
from services.poller.tasks.account import say_state
from services.poller.tasks.listening import Ear
from services.poller.work import Work

TOKEN_LIFE = 3000.0
LIST_STATUS = "LIST-STATUS"
HASTE = 1.0
PERSON = (SignInError, IdentificationWanted, TlsError, ConfigurationError, ConsentNeeded, ClientRefused)
FAILURES = (ImapError, TokenError, Unavailable, ConfigurationError)


@dataclass(slots=True)
class Watch:
    """What one account's task remembers between connections.

    ``well_since``: when this connection had done all that there was to do.
    """

    work: Work
    secret_of: SecretSource
    spool: Path | None = None
    failures: Failures = field(default_factory=Failures)
    signed_in_at: float | None = None
    renewed: bool = False
    said: str = ""
    ear: Ear = field(default_factory=Ear)
    well_since: float | None = None


async def watch(watched: Watch) -> None:
    """Retrieve until cancelled. Returns only when nothing but the owner can help; bugs and a lost lease pass."""
    while True:
        before = watched.work.memory.progress
        try:
            await _connection(watched)
            watched.failures = Failures()
        except FAILURES as error:
            _go_on_unless_stopped()
            watched.work.notice(error)
            watched.work.memory.run.ended(error)
            if watched.work.memory.progress > before:
                watched.failures = Failures()
            decision = _decide(watched, error)
            watched.failures = decision.failures
            await _tell(watched, error, decision)
            if decision.wait is None:
                return
            await watched.work.clock.sleep(decision.wait)


def _go_on_unless_stopped() -> None:
    """Raise CancelledError again where a failure on the way out, as of a last write, took its place."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _connection(watched: Watch) -> None:
    """One connection, until it is time for another one (a token ends) or it fails."""
    work, watched.well_since = watched.work, None
    await _login_pause(watched, work.clock)
    work.memory.run.begin(work.clock.monotonic())
    session = await connect(work, watched.secret_of, watched.spool)
    try:
        records = await catalog.wanted(work, session)
        unfinished = await _pass(work, session, records, thorough=True)
        work.memory.run.ended(None)
        await _well(watched)
        watched.well_since = work.clock.monotonic()
        again = unfinished and not watched.renewed  # an empty body is believed on a second connection only
        watched.renewed = again
        await _stay(watched, session, records, 0.0 if again else _life(work))
    finally:
        await leave(work, session)


async def _login_pause(watched: Watch, clock: Clock) -> None:
    """At least ``login_min_interval`` between two sign-ins: frequent ones are what providers punish."""
    since = None if watched.signed_in_at is None else clock.monotonic() - watched.signed_in_at
    if since is not None and since < watched.work.account.settings.login_min_interval:
        await clock.sleep(watched.work.account.settings.login_min_interval - since)
    watched.signed_in_at = clock.monotonic()


def _life(work: Work) -> float:
    """Seconds after which the connection is replaced: before a provider ends the session of a token."""
    token = work.account.by_token or profile(work.account.provider).grants
    return TOKEN_LIFE if token else float("inf")


async def _stay(watched: Watch, session: Session, records: list[FolderRecord], life: float) -> None:
    """Look at a folder when it has news, and at all folders at least every ``poll_interval``.

    Where the list tells the counters of all folders (RFC 5819), each poll asks for it instead of opening them.
    """
    work, ear, clock, settings = watched.work, watched.ear, watched.work.clock, watched.work.account.settings
    end, listed, polled = clock.monotonic() + life, clock.monotonic(), clock.monotonic()
    while (began := clock.monotonic()) < end and not work.turns.over(work.account, began):
        mail, changes, due = work.memory.published, work.memory.changes, polled + settings.poll_interval
        told = await listening.news(work, ear, session, records, due - began)
        if told and clock.monotonic() < due:
            await _pass(work, session, told)
        elif listening.deaf(work, ear, session):
            return
        else:
            if _lists(session) or clock.monotonic() - listed >= settings.list_interval:
                records, listed = await catalog.refresh(work, session), clock.monotonic()
            await _pass(work, session, records)
            polled = clock.monotonic()
        log_alerts(work, session)
        hasty = clock.monotonic() - began < HASTE and work.memory.published == mail
        ear.note(hasty=hasty, stirred=work.memory.changes > changes)
        await listening.calm(work, ear)


def _lists(session: Session) -> bool:
    """Whether each poll asks for the folder list, or a folder was told of that is not on it."""
    return session.has(LIST_STATUS) or (session.news is not None and session.news.unlisted)


async def _pass(work: Work, session: Session, records: Sequence[FolderRecord], *, thorough: bool = False) -> bool:
    """Pass over folders; one that is refused costs itself only. Whether something is left to do."""
    unfinished = False
    for record in await listening.present(work, records):
        try:
            outcome = await (
                folder_pass.once(work, session, record)
                if thorough
                else folder_pass.run(work, session, record, thorough=False)
            )
        except (Refused, CommandRejected) as error:
            if not error.usable or isinstance(error, IdentificationWanted):
                raise
            unfinished = True
        else:
            unfinished = unfinished or outcome.missing > 0
    await folder_pass.note_looks(work)
    return unfinished


def _decide(watched: Watch, error: MailweirError) -> Decision:
    settings, kind = watched.work.account.settings, kind_of(error)
    longest = settings.backoff_max
    if kind == "network" and watched.well_since is not None:
        longest = _forgive(watched, watched.well_since)
    pace = Pace(base=settings.backoff_base, longest=longest, most_signins=settings.max_signin_failures)
    asked = 0.0
    if isinstance(error, Throttled):
        asked = asked_wait(error.wait, error.detail, settings.backoff_base)
    elif isinstance(error, TokenDelayed):
        asked = error.wait or 0.0
    return decide(watched.failures, kind, pace, asked, watched.work.chance())


def _forgive(watched: Watch, since: float) -> float:
    """The longest wait after a connection that ended when its work was done: no longer than between two polls.

    Servers end what is idle; one that held for a whole ``poll_interval`` is no failure that counts.
    """
    settings = watched.work.account.settings
    if watched.work.clock.monotonic() - since >= settings.poll_interval:
        watched.failures = replace(watched.failures, network=0)
    return min(settings.backoff_max, settings.poll_interval)


def kind_of(error: MailweirError) -> Kind:
    """Which counter a failure belongs to."""
    if isinstance(error, AmbiguousRefusal):
        return "ambiguous"
    if isinstance(error, CredentialRefused):
        return "credential"
    if isinstance(error, PERSON):
        return "person"
    if isinstance(error, QuotaExceeded):
        return "quota"
    return "network" if isinstance(error, NetworkError) else "busy"


async def _tell(watched: Watch, error: MailweirError, decision: Decision) -> None:
    work = watched.work
    signin = str(getattr(error, "state", "unknown"))
    advice = profile(work.account.provider).advise(about(error), account=work.account.slug)
    next_try = None if decision.wait is None else work.clock.now() + timedelta(seconds=decision.wait)
    state = "attention" if decision.attention or decision.wait is None else "backoff"
    watched.said = state
    await say_state(work, state, signin, str(error), advice, next_try)


async def _well(watched: Watch) -> None:
    """Say once that the account is well again."""
    watched.work.notice(None)
    alert = watched.work.memory.alert
    state = "attention" if alert else "active"
    if watched.said != state:
        watched.said = state
        await say_state(watched.work, state, "ok", alert)
