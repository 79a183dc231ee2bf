"""One account's retrieval: connect, follow the folder list, pass over the folders; try again as its failures say.

One-shot (``sync_once``): ends when nothing is missing, or when ``attempts`` tries in a row brought no progress.
"""

import asyncio
import socket
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from services.common.accounts.expiry import warning
from services.common.accounts.providers import profile
from services.common.errors import ConfigurationError, MailweirError, Unavailable
from services.common.events import AccountReported
from services.common.oauth.errors import ClientRefused, ConsentNeeded, TokenDelayed, TokenError
from services.poller import peeking
from services.poller.connect import SecretSource, connect, leave
from services.poller.domain.schedule import asked_wait, backoff
from services.poller.domain.state import Outcome
from services.poller.folders import catalog
from services.poller.imap.errors import (
    AmbiguousRefusal,
    CommandRejected,
    IdentificationWanted,
    ImapError,
    NetworkError,
    PermissionRefused,
    ProtocolViolation,
    QuotaExceeded,
    Refused,
    SignInError,
    Temporary,
    Throttled,
    TlsError,
    TooManyConnections,
    about,
)
from services.poller.imap.session import Session
from services.poller.passes import folder_pass
from services.poller.peeking import MarksRead
from services.poller.work import Work

LONGEST_WAIT = 120.0
LONG_ENOUGH_TO_TELL = 5.0
FIRST_TRIES = 2
TRIES_WHEN_FULL = 3
ABOUT_FOLDERS = (Refused, CommandRejected)
HOPELESS = (SignInError, TlsError, ConfigurationError, ConsentNeeded, ClientRefused, QuotaExceeded, MarksRead)


class Result(Struct, frozen=True):
    """How the retrieval of one account ended; ``exit_code`` as in docs/commands.md, ``failure`` for people.

    ``unread``: folders that were to be read and could not be; no outcome tells what is in them. ``timed_out``: it was
    ended by the time-out of its caller, and has no outcomes.
    """

    account: str
    outcomes: tuple[Outcome, ...] = ()
    exit_code: int = 0
    failure: str = ""
    advice: str = ""
    retrieved: int = 0
    unread: int = 0
    timed_out: bool = False


class Tries(Struct):
    """Failures in a row without progress, and where the last progress was."""

    failures: int = 0
    progress: tuple[int, int, int] = (0, 0, 0)


async def sync_once(work: Work, secret_of: SecretSource, spool: Path | None = None) -> Result:
    """Retrieve everything that is missing, once. Failures of the account become a result; bugs pass."""
    tries = Tries()
    while True:
        outcomes, failure = await _try(work, secret_of, spool)
        if failure is None and not _unfinished(outcomes):
            return await _finish(work, outcomes)
        if work.memory.progress > tries.progress:
            tries = Tries(0, work.memory.progress)
        tries.failures += 1
        wait = _wait(work, failure, tries.failures)
        if wait is None or tries.failures >= await asyncio.to_thread(_most_tries, work, failure):
            return await _give_up(work, outcomes, failure)
        await _say_wait(work, failure, wait)
        await work.clock.sleep(wait)


async def _say_wait(work: Work, failure: MailweirError | None, wait: float) -> None:
    """Whoever looks during a long wait is told its reason."""
    if failure is None or wait < LONG_ENOUGH_TO_TELL:
        return
    state = str(getattr(failure, "state", "unknown"))
    advice = profile(work.account.provider).advise(about(failure), account=work.account.slug)
    await say_state(work, "backoff", state, str(failure), advice, work.clock.now() + timedelta(seconds=wait))


async def _try(work: Work, secret_of: SecretSource, spool: Path | None) -> tuple[list[Outcome], MailweirError | None]:
    """One connection's worth of work: the outcomes of the folders that were passed, and what ended it early."""
    outcomes: list[Outcome] = []
    session: Session | None = None
    work.memory.run.begin(work.clock.monotonic())
    try:
        session = await connect(work, secret_of, spool)
        await _pass_all(work, session, outcomes)
    except (ImapError, TokenError, ConfigurationError, Unavailable) as error:
        work.memory.run.ended(error)
        return outcomes, error
    finally:
        if session is not None:
            await leave(work, session)
    work.memory.run.ended(None)
    return outcomes, None


async def _pass_all(work: Work, session: Session, outcomes: list[Outcome]) -> None:
    """Every wanted folder; one that is refused costs itself only."""
    records = await catalog.wanted(work, session)
    refused: ImapError | None = work.memory.unlisted
    for record in records:
        try:
            outcomes.append(await folder_pass.once(work, session, record))
        except (Refused, PermissionRefused) as error:
            refused = refused or error
        except ImapError as error:
            if not error.usable or isinstance(error, Throttled):
                raise
            refused = refused or error
    await folder_pass.note_looks(work)
    if refused is not None:
        raise refused


def _unfinished(outcomes: list[Outcome]) -> bool:
    return any(outcome.missing or outcome.record.last_error for outcome in outcomes)


def _most_tries(work: Work, failure: MailweirError | None) -> int:
    """A server that nobody has reached yet and that is not there is most likely a slip in the host or port.

    Connections that others hold are waited for long each time, so not often.
    """
    attempts = work.account.settings.attempts
    if isinstance(failure, TooManyConnections):
        return min(attempts, TRIES_WHEN_FULL)
    absent = isinstance(failure, NetworkError) and isinstance(
        failure.__cause__, socket.gaierror | ConnectionRefusedError
    )
    return min(attempts, FIRST_TRIES) if absent and not work.ledger.folders(work.account.slug) else attempts


def _wait(work: Work, failure: MailweirError | None, failures: int) -> float | None:
    """Seconds before the next try, or None when trying again now cannot help."""
    settings = work.account.settings
    pause = backoff(failures, settings.backoff_base, settings.backoff_max, work.chance())
    if isinstance(failure, AmbiguousRefusal) and failures < settings.max_signin_failures:
        return max(pause, settings.login_min_interval)
    if isinstance(failure, HOPELESS):
        return None
    if isinstance(failure, Throttled):
        pause = max(pause, asked_wait(failure.wait, failure.detail, settings.backoff_base))
    elif isinstance(failure, TokenDelayed):
        pause = max(pause, failure.wait or 0.0)
    if pause > LONGEST_WAIT:
        return None
    return pause if type(failure) is NetworkError else max(pause, settings.login_min_interval)


async def _finish(work: Work, outcomes: list[Outcome]) -> Result:
    await say_state(work, "attention" if work.memory.alert else "active", "ok", work.memory.alert)
    quarantined = sum(outcome.quarantined for outcome in outcomes)
    text = f"{quarantined} messages are in quarantine; `mailweir ledger` lists them" if quarantined else ""
    told = work.memory.alert or text
    return Result(work.account.slug, tuple(outcomes), 3 if quarantined else 0, told, retrieved=work.memory.published)


async def _give_up(work: Work, outcomes: list[Outcome], failure: MailweirError | None) -> Result:
    missing = sum(outcome.missing for outcome in outcomes)
    if failure is None:
        await say_state(work, "active", "ok")
        reasons = next((outcome.record.last_error for outcome in outcomes if outcome.record.last_error), None)
        return Result(work.account.slug, tuple(outcomes), 3, reasons or f"{missing} messages could not be retrieved")
    later = isinstance(failure, Temporary) and failure.usable
    folder_only = later or (isinstance(failure, ABOUT_FOLDERS) and not isinstance(failure, IdentificationWanted))
    signin = "ok" if folder_only else str(getattr(failure, "state", "unknown"))
    advice = profile(work.account.provider).advise("ok" if folder_only else about(failure), account=work.account.slug)
    if isinstance(failure, MarksRead):
        advice = peeking.advice(work)
    attention = failure.exit_code in (2, 4) or isinstance(failure, TlsError | MarksRead)
    state = "attention" if attention else "backoff"
    await say_state(work, state, signin, str(failure), advice)
    unread, code = max(0, len(work.memory.run.wires or ()) - len(outcomes)), _exit_code(failure, outcomes)
    return Result(work.account.slug, tuple(outcomes), code, str(failure), advice, unread=unread)


def _exit_code(failure: MailweirError, outcomes: list[Outcome]) -> int:
    """A connection that fails after some folders were passed leaves the account incomplete, not unreachable."""
    if isinstance(failure, ProtocolViolation) and not outcomes:
        return 5
    lost = failure.exit_code == 5 and not isinstance(failure, TlsError)
    return 3 if failure.exit_code == 1 or (lost and outcomes) else failure.exit_code


async def say_state(
    work: Work, state: str, signin: str, detail: str = "", advice: str = "", next_try: datetime | None = None
) -> None:
    """Publish the state of the account; a database or a way out that is down is no reason to stop."""
    now = work.clock.now()
    with suppress(Unavailable):
        ends_at = await asyncio.to_thread(work.ends_at)
        before = await asyncio.to_thread(work.ledger.last_report, work.account.slug)
        report = AccountReported(
            account=work.account.slug,
            state=state,  # type: ignore[arg-type]
            signin=signin,  # type: ignore[arg-type]
            detail=detail[:300],
            advice=advice or warning(work.account, ends_at, now),
            nexttry=next_try,
            expiresat=ends_at,
            sequence=work.next_sequence(before),
        )
        await work.say(report)


async def within(sync: Awaitable[Result], work: Work, seconds: float | None) -> Result:
    """The result, or after ``seconds`` an explained incomplete one; the connection is closed on the way out."""
    try:
        async with asyncio.timeout(seconds):
            return await sync
    except TimeoutError:
        last = f"; the last trouble was: {work.memory.run.trouble}" if work.memory.run.trouble else ""
        failure = f"stopped after {seconds:g} s; run it again to go on{last}"
        return Result(work.account.slug, exit_code=3, failure=failure, timed_out=True)
