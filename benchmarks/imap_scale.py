"""Size of the poller: ``python -m benchmarks.imap_scale``. The server is another process that sends prepared lines.

- a folder of 1,000,000 messages, all known, one in twenty unread: resident growth of a whole pass (bar: below 50 MB);
- a folder of 300,000 sparse UIDs, all known: seconds (bar: 20) and resident growth (bar: 60 MB) of a whole pass;
- 100 unchanged folders with LIST-STATUS: commands after the sign-in (bar: one);
- 200 accounts watched by one process: resident growth, and CPU while nothing happens.
"""

import asyncio
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from benchmarks.bars import Bar, held
from services.common.accounts.fields import Account
from services.common.accounts.settings import settings_of
from services.common.accounts.store import open_accounts
from services.common.clock import SystemClock
from services.common.events import Event
from services.common.secret import Secret
from services.common.stores.folder import FolderStore
from services.poller.adapters import PostgresLedger
from services.poller.domain.state import FolderRecord, Ledger
from services.poller.domain.uidset import UidSet
from services.poller.folders.catalog import folder_id
from services.poller.imap.names import INBOX
from services.poller.tasks.account import Result, sync_once
from services.poller.tasks.lease_rows import PostgresLeases
from services.poller.tasks.supervisor import Ports, supervising
from services.poller.work import Work
from tests.databases import connected, running
from tests.fakes.imap_model import PASSWORD, Mailbox, Message, Script, messages, on
from tests.fakes.imap_server import serve
from tests.polling import until

MANY, SPARSE, STEP, FOLDERS, ACCOUNTS = 1_000_000, 300_000, 7, 100, 200
BARS = {
    "million_growth_mb": Bar(50),
    "sparse_s": Bar(20),
    "sparse_growth_mb": Bar(60),
    "list_status_commands": Bar(1),
    "accounts_idle_cpu_percent": Bar(10),
}
UIDVALIDITY = 1_700_000_000


@dataclass
class Nowhere:
    """A publisher that drops everything."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Take them."""


def _lines(count: int, step: int) -> list[bytes]:
    lines = [
        b"* %d FETCH (UID %d FLAGS (%s))\r\n" % (n, n * step, b"" if n % 20 == 0 else b"\\Seen")
        for n in range(1, count + 1)
    ]
    return [b"".join(lines[start : start + 1000]) for start in range(0, count, 1000)]


def _big(count: int, step: int) -> Script:
    """A folder that is only lines: the listing is prepared, EXAMINE tells the numbers."""
    prepared = _lines(count, step)
    counters = [b"* %d EXISTS\r\n" % count, b"* OK [UIDVALIDITY %d] ids\r\n" % UIDVALIDITY]
    counters.append(b"* OK [UIDNEXT %d] next\r\n" % (count * step + 1))
    hooks = [
        on("EXAMINE", lambda _command, reply: setattr(reply, "untagged", list(counters))),
        on("UID FETCH", lambda _command, reply: setattr(reply, "untagged", prepared), has="(UID FLAGS)"),
    ]
    return Script({b"INBOX": Mailbox()}, hooks=hooks)


def _folders() -> Script:
    boxes = {b"INBOX": Mailbox(messages(2))} | {b"F%03d" % n: Mailbox(messages(1)) for n in range(FOLDERS - 1)}
    capabilities = ("IMAP4rev1", "CONDSTORE", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE")
    return Script(boxes, capabilities=capabilities)


def _idle() -> Script:
    return Script({b"INBOX": Mailbox([Message(1, b"Subject: one\r\n\r\none\r\n")])}, capabilities=("IMAP4rev1", "IDLE"))


SCRIPTS = {"many": lambda: _big(MANY, 1), "sparse": lambda: _big(SPARSE, STEP), "folders": _folders, "idle": _idle}


def _serving(name: str, folder: Path, pipe: Connection) -> None:
    async def run() -> None:
        async with serve(SCRIPTS[name](), folder) as server:
            pipe.send((server.port, str(server.ca_file)))
            while await asyncio.to_thread(pipe.recv) == "commands":
                pipe.send([line for _, line in server.record])

    asyncio.run(run())


@contextmanager
def _server(name: str, folder: Path) -> Iterator[tuple[int, str, Connection]]:
    """Port and CA of a server process, and a pipe that answers "commands"."""
    folder.mkdir()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serving, args=(name, folder, theirs), daemon=True)
    process.start()
    assert ours.poll(60), f"the server {name} did not start"
    port, ca = ours.recv()
    try:
        yield port, ca, ours
    finally:
        ours.send("stop")
        process.join(5)
        process.kill()


def _account(name: str, port: int, ca: str) -> Account:
    given = {"command_timeout": 60.0, "login_min_interval": 0.0}
    return Account(
        slug=name, host="localhost", port=port, user="user@example.com", ca_file=ca, settings=settings_of(given)
    )  # fmt: skip


async def _secret(_force: bool) -> tuple[Secret, bool]:
    return Secret(PASSWORD), False


async def _sync(account: Account, engine: Engine, folder: Path) -> Result:
    ledger, store = PostgresLedger(engine), FolderStore(folder)
    work = Work(account, Nowhere(), ledger, store, SystemClock(), random.random)
    return await sync_once(work, _secret, folder)


def _known(engine: Engine, name: str, uids: UidSet) -> None:
    """A folder whose messages were all published before."""
    record = FolderRecord(id=folder_id(name, INBOX), account=name, wire=INBOX, name="INBOX", uidvalidity=UIDVALIDITY)
    ledger = PostgresLedger(engine)
    ledger.save_folder(record)
    ledger.save_ledger(record.id, 1, Ledger(uidvalidity=UIDVALIDITY, listed=uids))
    with engine.begin() as connection:
        connection.execute(text("UPDATE folder_ledger SET published = listed WHERE folder_id = :id"), {"id": record.id})


async def _measured(account: Account, engine: Engine, folder: Path) -> tuple[float, float]:
    """Seconds and megabytes of resident growth of one sync."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    started = time.perf_counter()
    task = asyncio.ensure_future(_sync(account, engine, folder))
    while not task.done():
        await asyncio.wait({task}, timeout=0.02)
        peak = max(peak, process.memory_info().rss)
    assert task.result().exit_code == 0, task.result().failure
    return time.perf_counter() - started, (peak - before) / (1 << 20)


def _pass_over(name: str, uids: UidSet, engine: Engine, folder: Path) -> tuple[float, float]:
    _known(engine, name, uids)
    with _server(name, folder / name) as (port, ca, _):
        return asyncio.run(_measured(_account(name, port, ca), engine, folder))


def _commands(engine: Engine, folder: Path) -> int:
    """Commands of a second sync of unchanged folders between sign-in and LOGOUT."""
    with _server("folders", folder / "folders") as (port, ca, pipe):
        account = _account("folders", port, ca)
        asyncio.run(_sync(account, engine, folder))
        pipe.send("commands")
        before = len(pipe.recv())
        asyncio.run(_sync(account, engine, folder))
        pipe.send("commands")
        words = [line.split(" ")[0].upper() for line in pipe.recv()[before:]]
    return len([word for word in words if word not in {"CAPABILITY", "LOGIN", "AUTHENTICATE", "ENABLE", "LOGOUT"}])


async def _watched(engine: Engine, folder: Path, port: int, ca: str) -> dict[str, float]:
    accounts = open_accounts(engine, folder / "home", {})
    for number in range(ACCOUNTS):
        accounts.add(_account(f"w{number}", port, ca), ("password", Secret(PASSWORD)))
    process = psutil.Process()
    before = process.memory_info().rss
    ports = Ports(
        accounts, Nowhere(), PostgresLedger(engine), PostgresLeases(engine), FolderStore(folder), SystemClock()
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        started = time.perf_counter()
        await stack.enter_async_context(supervising(ports))
        await asyncio.to_thread(_until_passed, engine)
        ready = time.perf_counter() - started
        await asyncio.sleep(5)
        busy, start = sum(process.cpu_times()[:2]), time.perf_counter()
        await asyncio.sleep(20)
        idle = (sum(process.cpu_times()[:2]) - busy) / (time.perf_counter() - start)
        growth = (process.memory_info().rss - before) / (1 << 20)
    return {"accounts_ready_s": ready, "accounts_growth_mb": growth, "accounts_idle_cpu_percent": 100 * idle}


def _until_passed(engine: Engine) -> None:
    query = text("SELECT count(*) FROM folders WHERE account LIKE 'w%' AND pass_at IS NOT NULL")

    def passed() -> bool:
        with engine.begin() as connection:
            return bool(connection.execute(query).scalar_one() == ACCOUNTS)

    until(passed, 600, every=0.2)


def run() -> dict[str, float]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder / "postgres") as url, connected(url, pool_size=8) as engine:
            many = _pass_over("many", UidSet.range(1, MANY), engine, folder)
            sparse = _pass_over("sparse", UidSet.of(range(STEP, SPARSE * STEP + 1, STEP)), engine, folder)
            commands = _commands(engine, folder)
            with _server("idle", folder / "idle") as (port, ca, _):
                watched = asyncio.run(_watched(engine, folder, port, ca))
    figures = {"million_s": many[0], "million_growth_mb": many[1], "sparse_s": sparse[0], "sparse_growth_mb": sparse[1]}
    return {key: round(value, 1) for key, value in {**figures, "list_status_commands": commands, **watched}.items()}


if __name__ == "__main__":
    result = run()
    print(json.dumps(result))
    sys.exit(0 if held(result, BARS) else 1)
