import asyncio
import contextlib
import hashlib
import random
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy import event as engine_event

from services.common.accounts.fields import Account
from services.common.accounts.settings import settings_of
from services.common.clock import SystemClock
from services.common.completeness import FolderStatus, folders_of, statuses
from services.common.events import AccountReported, Event, MessageFetched, PlaceRelinked, SyncReported
from services.common.secret import Secret
from services.common.stores.folder import FolderStore
from services.poller.adapters import PostgresLedger
from services.poller.ports import Contents
from services.poller.tasks.account import Result, sync_once
from services.poller.work import Work
from tests.databases import connected, running
from tests.fakes.imap_model import PASSWORD, Mailbox, Script
from tests.fakes.imap_server import Server, serve

QUICK = {"command_timeout": 5, "connect_timeout": 10, "backoff_base": 0.01, "login_min_interval": 0}
Place = tuple[str, int, int]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running(tmp_path_factory.mktemp("poller-home")) as url, connected(url) as engine:
        yield engine


class Recorder:
    """A publisher that keeps what it is given; every repeat of a place is counted."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: Counter[Place] = Counter()
        self.content: dict[Place, str] = {}

    async def publish(self, events: Sequence[Event]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, MessageFetched | PlaceRelinked):
                place = (event.place.folder, event.place.uidvalidity, event.place.uid)
                self.times[place] += 1
                self.content[place] = event.contentsha256
                if isinstance(event, MessageFetched) and isinstance(event.body, bytes):
                    assert hashlib.sha256(event.body).hexdigest() == event.contentsha256
                    assert len(event.body) == event.size

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class Play:
    """One account on one scripted server; ``sync`` is one run of the command, with a memory of its own."""

    server: Server
    engine: Engine
    folder: Path
    settings: dict[str, object]
    account: dict[str, object]
    secret: str = PASSWORD
    recorder: Recorder = field(default_factory=Recorder)
    contents: Contents | None = None
    slug: str = field(default_factory=lambda: f"a{uuid4().hex[:12]}")

    def work(self, **settings: object) -> Work:
        script = self.server.script
        account = Account(
            slug=self.slug,
            host=self.account.get("host", "localhost"),
            port=self.server.port,
            tls=script.tls,
            user="user@example.com",
            ca_file=str(self.server.ca_file),
            settings=settings_of({**QUICK, **self.settings, **settings}),
            **{key: value for key, value in self.account.items() if key != "host"},
        )
        return Work(
            account=account,
            publisher=self.recorder,
            ledger=PostgresLedger(self.engine),
            store=FolderStore(self.folder),
            clock=SystemClock(),
            chance=random.Random(1).random,
            contents=self.contents,
        )

    async def sync(self, **settings: object) -> Result:
        work = self.work(**settings)
        token = work.account.auth in {"xoauth2", "oauthbearer"}

        async def secret_of(_force: bool) -> tuple[Secret, bool]:
            return Secret(self.secret), token

        with in_threads(self.engine):
            return await sync_once(work, secret_of, self.folder)

    def status(self) -> list[FolderStatus]:
        """The folders as the console shows them, which has to be as ``mailweir status`` does."""
        (account,) = statuses(self.engine, [(self.slug, "active")], self.slug)
        shown = folders_of(self.engine, self.slug)
        assert shown == list(account.folders)
        return shown

    @property
    def stored(self) -> dict[Place, str]:
        return self.recorder.content

    def complete(self) -> bool:
        """Exactly what the server has, each once, nothing but read-only commands."""
        assert self.server.forbidden() == []
        assert self.stored == on_server(self.server.script)
        assert set(self.recorder.times.values()) <= {1}
        return True

    def quarantined(self) -> dict[int, str]:
        query = text(
            "SELECT uid, reason FROM quarantine q JOIN folders f ON f.id = q.folder_id WHERE f.account = :account"
        )
        with self.engine.connect() as connection:
            rows = connection.execute(query, {"account": self.slug})
            return {row.uid: row.reason for row in rows}

    def folders(self) -> dict[str, str]:
        """Name to state."""
        query = text("SELECT name, state FROM folders WHERE account = :account")
        with self.engine.connect() as connection:
            return {row.name: row.state for row in connection.execute(query, {"account": self.slug})}

    def last_errors(self) -> dict[str, str | None]:
        """Name of a folder to why its last pass did not end well."""
        query = text("SELECT name, last_error FROM folders WHERE account = :account")
        with self.engine.connect() as connection:
            return {row.name: row.last_error for row in connection.execute(query, {"account": self.slug})}

    def signin(self) -> str:
        return [event.signin for event in self.recorder.of(AccountReported)][-1]

    def report(self, folder: str = "INBOX") -> SyncReported:
        return [event for event in self.recorder.of(SyncReported) if event.folder == folder][-1]


@contextlib.contextmanager
def in_threads(engine: Engine) -> Iterator[None]:
    """No database call is made on the event loop: it would hold up every other account and the heartbeat."""
    blocking: list[str] = []

    def begun(_connection: Connection) -> None:
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            blocking.append("".join(traceback.format_stack(limit=20)))

    engine_event.listen(engine, "begin", begun)
    try:
        yield
    finally:
        engine_event.remove(engine, "begin", begun)
    assert not blocking, blocking[0]


def on_server(script: Script) -> dict[Place, str]:
    from services.poller.imap.names import display_name

    return {
        (display_name(wire), mailbox.uidvalidity or 0, message.uid): hashlib.sha256(message.raw).hexdigest()
        for wire, mailbox in script.mailboxes.items()
        for message in mailbox.messages
        if "\\Noselect" not in mailbox.attributes
    }


@pytest.fixture
def play(tmp_path: Path, database: Engine) -> Callable[..., contextlib.AbstractAsyncContextManager[Play]]:
    """``async with play(script, **settings) as p: await p.sync()``."""

    @contextlib.asynccontextmanager
    async def start(
        script: Script, account: dict[str, object] | None = None, **settings: object
    ) -> AsyncIterator[Play]:
        async with serve(script, tmp_path) as server:
            yield Play(server, database, tmp_path, settings, account or {})
            assert server.forbidden() == []

    return start


def inbox(script: Script) -> Mailbox:
    return script.mailboxes[b"INBOX"]
