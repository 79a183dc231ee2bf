"""Running retrievals from a command: embedded stores or the stack, one task per account, a progress bar."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from socket import socket

from services.cli.sync_progress import TellingWaits, Watcher, bar
from services.common.clock import SystemClock
from services.common.errors import MailweirError
from services.common.oauth.tokens import sign_in_secret
from services.common.secret import Secret
from services.common.service import Publisher
from services.common.settings import read
from services.front.context import Context
from services.poller.adapters import PostgresContents, PostgresLedger
from services.poller.settings import PollerSettings
from services.poller.tasks.account import Result, sync_once, within
from services.poller.tasks.lease import leased
from services.poller.tasks.lease_rows import PostgresLeases
from services.poller.tasks.supervisor import Ports, supervising, work_on


def run_once(context: Context, names: Sequence[str], timeout: float | None) -> list[Result]:
    """Sync the accounts side by side; one account's trouble never touches another."""
    from services.cli.helper import helper

    with helper(context) as second, bar(names) as watcher:
        return asyncio.run(_all(context, names, timeout, watcher, second))


async def _all(
    context: Context,
    names: Sequence[str],
    timeout: float | None,
    watcher: Watcher,
    second: socket | None,
) -> list[Result]:
    from services.front.publishing import publishing

    async with publishing(context, second) as publisher:
        ports = poller_ports(context, TellingWaits(publisher, watcher.say))
        return await asyncio.gather(*(_one(ports, name, timeout, watcher) for name in names))


async def _one(ports: Ports, name: str, timeout: float | None, watcher: Watcher) -> Result:
    try:
        async with leased(ports.leases, ports.ledger, name, ports.clock) as fenced:
            work = work_on(ports.accounts.get(name), ports, fenced, progress=watcher.step)
            return await within(sync_once(work, partial(_secret, ports, name), ports.spool), work, timeout)
    except MailweirError as error:
        return Result(name, exit_code=error.exit_code, failure=str(error))


async def _secret(ports: Ports, name: str, force: bool) -> tuple[Secret | None, bool]:
    account = await asyncio.to_thread(ports.accounts.get, name)
    return await sign_in_secret(account, ports.accounts, ports.clock, force)


def poller_ports(context: Context, publisher: Publisher) -> Ports:
    """What the poller needs, on the stores of a command."""
    return Ports(
        context.accounts,
        publisher,
        PostgresLedger(context.engine),
        PostgresLeases(context.engine),
        context.store,
        SystemClock(),
        spool=read(PollerSettings).spool,
        contents=PostgresContents(context.engine),
    )


def run_watch(context: Context, names: Sequence[str], timeout: float | None, *, as_json: bool) -> None:
    """Retrieve until told to stop (or for ``timeout`` seconds): the supervisor of the poller, in this process."""
    asyncio.run(_watch(context, names, timeout, as_json=as_json))


async def _watch(context: Context, names: Sequence[str], timeout: float | None, *, as_json: bool) -> None:
    from services.cli.watch_view import Telling
    from services.front.publishing import publishing

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with publishing(context) as publisher:
        telling = Telling(publisher, stop.set, as_json=as_json)
        async with supervising(poller_ports(context, telling), frozenset(names)) as task:
            task.add_done_callback(lambda _: stop.set())
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await stop.wait()
    if telling.failure is not None:
        raise telling.failure
