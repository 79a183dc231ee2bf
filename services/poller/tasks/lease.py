"""Two pollers never work on the same account: a lease in the database, renewed while the work goes on.

Only the clock of the database tells whether it has ended; those of the pollers may differ.
"""

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path

from services.common.clock import Clock
from services.common.errors import Incomplete, Unavailable
from services.poller.adapters import LeaseLost, PostgresLedger
from services.poller.tasks.lease_rows import PostgresLeases

SECONDS = 60.0
RENEWED_EVERY = 15.0
ERASING = "erasing"  # a purpose: the console retrieves in the same process, and a lease is shared by those of one name


def owner(purpose: str = "") -> str:
    """Name this process, told apart from an earlier one with the same number by its start time; and a part of it.

    Every container has a process 1, and machines may have the same name: so it says, too, where the number counts.
    """
    words = [socket.gethostname(), str(os.getpid()), _started(os.getpid()), _place(), *[purpose] * bool(purpose)]
    return ":".join(words)


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
    asked = clock.monotonic()
    token = await asyncio.to_thread(take, leases, account, me)
    renewing = asyncio.create_task(_renew(leases, account, me, token, clock, asked))
    renewing.add_done_callback(lambda done: None if done.cancelled() else working.cancel())
    try:
        yield ledger.fenced(account, token)
    except asyncio.CancelledError:
        if not renewing.done() or working.uncancel():
            raise
        raise LeaseLost(account) from None
    finally:
        renewing.cancel()
        with suppress(Unavailable):  # it would hide why the work ended; a lease that is not renewed ends by itself
            await asyncio.to_thread(leases.release, account, me)


@contextmanager
def kept(leases: PostgresLeases, account: str, me: str, token: int) -> Iterator[Callable[[], None]]:
    """A lease that ``take`` gave, renewed by a thread while a block that blocks runs, then released.

    The block gets what raises LeaseLost when the account was another process's meanwhile: the machine slept.
    """
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEWED_EVERY):
            with suppress(Unavailable):
                leases.renew(account, token, SECONDS)

    def still_ours() -> None:
        if not leases.renew(account, token, SECONDS):
            raise LeaseLost(account)

    thread = threading.Thread(target=renew, daemon=True, name="lease")
    thread.start()
    try:
        yield still_ours
    finally:
        ended.set()
        thread.join()
        with suppress(Unavailable):
            leases.release(account, me)


def take(leases: PostgresLeases, account: str, me: str) -> int:
    """The token of a lease of ours for ``SECONDS``. Raises Incomplete when another living process holds the account."""
    token = leases.acquire(account, me, SECONDS)
    if token is None:
        holder = leases.holder(account)
        if holder is not None and not is_dead(holder):
            doing = "erased" if holder.endswith(f":{ERASING}") else "synced"
            raise Incomplete(
                f"account {account} is being {doing} by another process ({holder}); wait for it or stop it"
            )
        if holder is not None:
            leases.release(account, holder)
        token = leases.acquire(account, me, SECONDS)
    if token is None:
        raise Incomplete(f"account {account} is being synced by another process; wait for it or stop it")
    return token


async def _renew(leases: PostgresLeases, account: str, me: str, token: int, clock: Clock, since: float) -> None:
    """Renew until the lease is lost: taken over, or not renewed for as long as it lasts.

    Its time counts from ``since``, when it was asked for: it begins later, however long the answer takes.
    """
    while (left := SECONDS - (clock.monotonic() - since)) > 0:
        await clock.sleep(min(RENEWED_EVERY, left))
        asked = clock.monotonic()
        try:
            async with asyncio.timeout(SECONDS - (asked - since)):
                held = await asyncio.to_thread(leases.acquire, account, me, SECONDS)
        except (Unavailable, TimeoutError):
            continue
        if held != token:
            return
        since = asked


def is_dead(holder: str) -> bool:
    """Whether the holder was a process that we would see, and is no more: no need to wait for its lease to end."""
    host, pid, started, place, *_ = [*holder.split(":"), "", "", ""]
    return (host, place) == (socket.gethostname(), _place()) and pid.isdigit() and not _lives(int(pid), started)


def _lives(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)  # says only whether it is there, also of processes that are hidden from us in /proc
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return _started(pid) in ("", started)


@cache
def _place() -> str:
    """Where process numbers mean the same: this start of this machine, and the container. Host names may be shared."""
    words = []
    with suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("".join(words).encode()).hexdigest()[:12]


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot (proc(5)), empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
