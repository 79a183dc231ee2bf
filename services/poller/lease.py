"""Two pollers never work on the same account: a lease in the database, renewed while the work goes on."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from services.common.clock import Clock
from services.common.errors import Incomplete, Unavailable
from services.poller.adapters import LeaseLost, PostgresLeases, PostgresLedger

SECONDS = 60.0
RENEWED_EVERY = 15.0


def owner(purpose: str = "") -> str:
    """Name this process, told apart from an earlier one with the same number by its start time; and a part of it."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}" + (f":{purpose}" if purpose else "")


@asynccontextmanager
async def leased(
    leases: PostgresLeases, ledger: PostgresLedger, account: str, clock: Clock
) -> AsyncIterator[PostgresLedger]:
    """The ledger of an account, fenced by a lease of our own.

    Raises:
        Incomplete: another living process holds the account.
    """
    me, working = owner(), asyncio.current_task()
    assert working is not None
    token = await asyncio.to_thread(take, leases, account, me, clock)
    renewing = asyncio.create_task(_renew(leases, account, me, token, clock))
    renewing.add_done_callback(lambda done: None if done.cancelled() else working.cancel())
    try:
        yield ledger.fenced(account, token)
    except asyncio.CancelledError:
        if not renewing.done() or working.uncancel():
            raise
        raise LeaseLost(f"another process works on account {account} now; this one stops") from None
    finally:
        renewing.cancel()
        with suppress(Unavailable):  # it would hide why the work ended; a lease that is not renewed ends by itself
            await asyncio.to_thread(leases.release, account, me)


def take(leases: PostgresLeases, account: str, me: str, clock: Clock) -> int:
    """The token of a lease of ours for ``SECONDS``. Raises Incomplete when another living process holds the account."""
    token = leases.acquire(account, me, clock.now(), SECONDS)
    if token is None:
        holder = leases.holder(account) or ""
        if not _is_dead(holder):
            raise Incomplete(f"account {account} is being synced by another process ({holder}); wait for it or stop it")
        leases.release(account, holder)
        token = leases.acquire(account, me, clock.now(), SECONDS)
    if token is None:
        raise Incomplete(f"account {account} is being synced by another process; wait for it or stop it")
    return token


async def _renew(leases: PostgresLeases, account: str, me: str, token: int, clock: Clock) -> None:
    """Renew until the lease is lost: taken over, or not renewed for as long as it lasts."""
    renewed = clock.monotonic()
    while clock.monotonic() - renewed < SECONDS:
        await clock.sleep(RENEWED_EVERY)
        try:
            held = await asyncio.to_thread(leases.acquire, account, me, clock.now(), SECONDS)
        except Unavailable:
            continue
        if held != token:
            return
        renewed = clock.monotonic()


def _is_dead(holder: str) -> bool:
    """Whether the holder was a process of this machine that is no more: no need to wait for its lease to end."""
    host, _, rest = holder.partition(":")
    pid, started, *_ = [*rest.split(":"), ""]
    return host == socket.gethostname() and (not pid.isdigit() or _started(int(pid)) != started)


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot (proc(5)), empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
