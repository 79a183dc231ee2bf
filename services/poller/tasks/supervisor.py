"""One task per account. One account's trouble never touches another; changes by an owner count within two seconds."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from services.common.accounts.expiry import expires_at
from services.common.accounts.store import Account, AccountStore
from services.common.clock import Clock
from services.common.errors import Incomplete, MailweirError, Unavailable
from services.common.health import Health
from services.common.oauth.tokens import sign_in_secret
from services.common.objects import ObjectStore
from services.common.service import Publisher
from services.poller.adapters import PostgresLedger
from services.poller.ports import Contents
from services.poller.tasks.lease import leased
from services.poller.tasks.lease_rows import PostgresLeases
from services.poller.tasks.watching import Watch, watch
from services.poller.turns import Turns
from services.poller.work import Progress, Work, silent, unnoticed

log = logging.getLogger(__name__)
LOOK_EVERY = 1.0
LEASE_PAUSE = 5.0
STOP_SECONDS = 4.0

Notice = Callable[[Exception | None], None]
Running = dict[str, tuple[int, asyncio.Task[None]]]
"""By account: the version that its task was started with, and the task."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the poller needs from outside."""

    accounts: AccountStore
    publisher: Publisher
    ledger: PostgresLedger
    leases: PostgresLeases
    store: ObjectStore
    clock: Clock
    spool: Path | None = None
    contents: Contents | None = None
    turns: Turns = field(default_factory=Turns)
    health: Health = field(default_factory=lambda: Health("poller"))


async def supervise(ports: Ports, only: frozenset[str] = frozenset()) -> None:
    """Work on all active accounts (or ``only`` those named) until cancelled; then stop all within five seconds."""
    running: Running = {}
    seen = -1
    try:
        while True:
            try:
                marker = await asyncio.to_thread(ports.accounts.marker)
                if marker != seen:
                    await _follow(ports, running, only)
                seen = marker
                ports.health.green("accounts")
            except Unavailable as error:
                ports.health.red("accounts", str(error))
                log.warning("accounts cannot be read: %s", error)
            await ports.clock.sleep(LOOK_EVERY)
    finally:
        await _stop([task for _, task in running.values()])


async def _follow(ports: Ports, running: Running, only: frozenset[str]) -> None:
    """Start, stop and restart tasks so that they fit the accounts. A task that ended waits for a change."""
    accounts = await asyncio.to_thread(ports.accounts.list)
    wanted = {each.slug: each for each in accounts if each.state == "active" and (not only or each.slug in only)}
    changed = [slug for slug, (version, _) in running.items() if slug not in wanted or wanted[slug].version != version]
    await _stop([running.pop(slug)[1] for slug in changed])
    for slug, account in wanted.items():
        if slug not in running:
            running[slug] = (account.version, asyncio.create_task(_account(ports, account), name=slug))


async def _stop(stopping: list[asyncio.Task[None]]) -> None:
    for task in stopping:
        task.cancel()
    if stopping:
        await asyncio.wait(stopping, timeout=STOP_SECONDS)


async def _account(ports: Ports, account: Account) -> None:
    """Work on one account while its lease is ours; a bug in it is logged and tried again, the others go on."""
    pause = LEASE_PAUSE
    with _noticing(ports.health, account.slug) as notice:
        while True:
            try:
                async with leased(ports.leases, ports.ledger, account.slug, ports.clock) as fenced:
                    await watch(_watch(ports, account, fenced, notice))
                    return
            except Incomplete as error:
                log.info("account %s waits: %s", account.slug, error)
            except MailweirError as error:
                notice(error)
                log.warning("account %s: %s", account.slug, error)
            except Exception:
                log.exception("account %s: unexpected failure", account.slug)
                pause = min(pause * 2, 900.0)
            await ports.clock.sleep(pause)


@contextmanager
def _noticing(health: Health, slug: str) -> Iterator[Notice]:
    """Red while a database, store or broker keeps the account waiting; its own server is its own trouble."""
    source = f"account {slug}"

    def notice(failure: Exception | None) -> None:
        if isinstance(failure, Unavailable):
            health.red(source, str(failure))
        else:
            health.green(source)

    try:
        yield notice
    finally:
        health.green(source)


def work_on(
    account: Account,
    ports: Ports,
    ledger: PostgresLedger,
    *,
    progress: Callable[[Progress], None] = silent,
    notice: Notice = unnoticed,
) -> Work:
    """What the task of one account works with; ``ledger`` is fenced by its lease."""
    return Work(
        account=account,
        publisher=ports.publisher,
        ledger=ledger,
        store=ports.store,
        clock=ports.clock,
        chance=random.random,
        progress=progress,
        ends_at=partial(expires_at, account, ports.accounts),
        contents=ports.contents,
        turns=ports.turns,
        notice=notice,
    )


def _watch(ports: Ports, account: Account, ledger: PostgresLedger, notice: Notice) -> Watch:
    work = work_on(account, ports, ledger, notice=notice)
    return Watch(work, partial(sign_in_secret, account, ports.accounts, ports.clock), ports.spool)


@asynccontextmanager
async def supervising(ports: Ports, only: frozenset[str] = frozenset()) -> AsyncIterator[asyncio.Task[None]]:
    """The supervisor as a task beside a block; leaving the block stops it."""
    task = asyncio.create_task(supervise(ports, only))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
