"""A mailbox with a random history on real servers: after each sync the ledger says what the server says.

Dovecot with CONDSTORE and QRESYNC, Dovecot without, and pymap: the accelerators give what the base path gives.
"""

import contextlib
import hashlib
import imaplib
import random
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from services.cli import demo_server
from services.common.accounts.fields import Account
from services.common.accounts.settings import settings_of
from services.common.clock import SystemClock
from services.common.secret import Secret
from services.common.stores.folder import FolderStore
from services.poller.adapters import PostgresLedger
from services.poller.tasks.account import sync_once
from services.poller.work import Work
from tests.dovecot_server import running
from tests.fakes.imap_model import sample
from tests.integration.poller.conftest import QUICK, Recorder

ROUNDS, OPERATIONS = 5, 10
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "Work")
OURS = {"INBOX", "One", "Two"}
State = dict[tuple[str, int], tuple[str, frozenset[str]]]


@dataclass(frozen=True)
class Where:
    """A real server with one user."""

    port: int
    tls: str
    ca_file: Path
    user: str
    password: str

    @contextlib.contextmanager
    def owner(self) -> Iterator[imaplib.IMAP4]:
        """The owner's own mail program, which may write."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if self.tls == "implicit":
            client: imaplib.IMAP4 = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=context)
        else:
            client = imaplib.IMAP4("localhost", self.port)
            client.starttls(context)
        client.login(self.user, self.password)
        try:
            yield client
        finally:
            client.logout()


@pytest.fixture(params=["rich", "plain", "pymap"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    if request.param == "pymap":
        with demo_server.running(tmp_path / "demo") as demo:
            yield Where(demo.port, "starttls", demo.ca_file, demo.user, demo.password_file.read_text())
    else:
        easy = ("owner@example.test", "canary-dovecot-Qk7")  # imaplib, for the owner, quotes no others
        with running(tmp_path / "dovecot", *easy, plain=request.param == "plain") as server:
            yield Where(server.implicit, "implicit", server.ca_file, server.user, server.password)


class Owner:
    """Random changes, the same for the same seed."""

    def __init__(self, client: imaplib.IMAP4, chance: random.Random) -> None:
        self.client, self.chance, self.count = client, chance, chance.randrange(1 << 30)

    def arrive(self, folder: str) -> None:
        self.count += 1
        flags = " ".join(self.chance.sample(FLAGS, self.chance.randrange(3)))
        self.client.append(folder, f"({flags})", "", sample(self.count, 600))

    def change(self, folder: str, what: str) -> None:
        self.client.select(folder)
        found = self.client.uid("SEARCH", "ALL")[1][0].split()
        if len(found) < 4:
            return
        uid = self.chance.choice(found).decode()
        if what == "expunge":
            self.client.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
            self.client.expunge()
        else:
            self.client.uid("STORE", uid, self.chance.choice(("+FLAGS", "-FLAGS")), f"({self.chance.choice(FLAGS)})")


def names(client: imaplib.IMAP4) -> list[str]:
    found = [re.search(r'(\w+)"?$', line.decode()) for line in client.list()[1] if isinstance(line, bytes)]
    return [match[1] for match in found if match and match[1] in OURS]


def live(client: imaplib.IMAP4, chance: random.Random) -> None:
    """One stretch of the mailbox's life."""
    owner = Owner(client, chance)
    for _ in range(OPERATIONS):
        folder = chance.choice(names(client))
        what = chance.choice(("arrive", "arrive", "flag", "flag", "expunge"))
        owner.arrive(folder) if what == "arrive" else owner.change(folder, what)
    known = set(names(client))
    if chance.random() < 0.5 and known & {"One", "Two"} != {"One", "Two"}:
        client.select("INBOX")  # pymap ends the connection when the open folder is renamed
        old = (known & {"One", "Two"}).pop()
        client.rename(old, "Two" if old == "One" else "One")


def truth(client: imaplib.IMAP4) -> State:
    """What the server holds, by a client of the standard library."""
    state: State = {}
    for name in names(client):
        if client.select(f'"{name}"', readonly=True)[0] != "OK":
            continue
        for part in client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")[1]:
            if isinstance(part, tuple):
                uid = int(re.search(rb"UID (\d+)", part[0])[1])  # type: ignore[index]
                flags = re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].decode().split()  # type: ignore[index]
                state[name, uid] = (hashlib.sha256(part[1]).hexdigest(), frozenset(flags) - {"\\Recent"})
    return state


def ledger(engine: Engine, account: str, content: dict[tuple[str, int, int], str]) -> State:
    """What we hold: visible places with their flags, and the content that was published for them."""
    store, state = PostgresLedger(engine), State()
    for record in store.folders(account):
        known = store.ledger(record.id, record.epoch, record.uidvalidity or 0)
        for uid in (known.listed - known.vanished) if record.name in OURS else ():
            flags = frozenset(flag for flag, having in known.flags.items() if uid in having)
            state[record.name, uid] = (content[record.id, record.uidvalidity or 0, uid], flags)
    return state


class ByFolder(Recorder):
    """Keeps the content of a place by the folder's id, which a rename leaves."""

    async def publish(self, events):  # type: ignore[no-untyped-def]
        await super().publish(events)
        for event in events:
            if hasattr(event, "contentsha256"):
                place = event.place
                self.content[place.folderid, place.uidvalidity, place.uid] = event.contentsha256


async def test_the_ledger_follows_a_random_history(where, database, tmp_path):
    recorder, slug, chance = ByFolder(), f"h{uuid4().hex[:12]}", random.Random(11)

    async def secret_of(_force: bool) -> tuple[Secret, bool]:
        return Secret(where.password), False

    account = Account(
        slug=slug, host="localhost", port=where.port, tls=where.tls, user=where.user, ca_file=str(where.ca_file),
        settings=settings_of(QUICK),
    )  # fmt: skip
    with where.owner() as client:
        client.create("One")
        for folder in ("INBOX", "One"):
            for _ in range(8):
                Owner(client, chance).arrive(folder)
    for _ in range(ROUNDS):
        work = Work(
            account, recorder, PostgresLedger(database), FolderStore(tmp_path / "objects"), SystemClock(), chance.random
        )
        assert (await sync_once(work, secret_of, tmp_path)).exit_code == 0
        with where.owner() as client:
            assert ledger(database, slug, recorder.content) == truth(client)
            live(client, chance)
