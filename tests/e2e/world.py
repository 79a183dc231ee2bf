"""A whole Mailweir for a test: real components, the services as processes, mail in a real Dovecot."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from infra.local import cluster, dovecot
from infra.local.cluster import Cluster
from services.common.runtime.kafka.catching_up import catch_up
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.stores.s3 import S3Store, connect
from tests import polling
from tests.e2e.commands import Mailweir

USER = dovecot.USERS[0]
ACCOUNT = "work"
FOLDERS = ("INBOX", "Sent", "合同", "Lists", "Projects/2026")
SERVICES = ("poller", "parser", "storer", "attachments")


@dataclass
class World:
    """Components, the command with their environment, the services that run, and what was delivered."""

    components: Cluster
    mailweir: Mailweir
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    delivered: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def deliver(self, messages: Sequence[bytes]) -> None:
        """Spread messages over the folders, as unseen mail."""
        start = len(self.delivered)
        for index, folder in enumerate(FOLDERS):
            batch = {
                f"{start + number}.mail": raw for number, raw in enumerate(messages) if number % len(FOLDERS) == index
            }
            dovecot.deliver(self.components.imap.folder, USER, batch, folder)
            self.delivered |= {(folder, name): raw for name, raw in batch.items()}

    def expected(self) -> Counter[str]:
        """SHA-256 of each delivered message as IMAP gives it: every line ends in CRLF (RFC 9051 section 2.3.4)."""
        return Counter(hashlib.sha256(as_sent(raw)).hexdigest() for raw in self.delivered.values())

    def start(self, *names: str) -> None:
        """Start services as processes of their own; their output goes to a log each."""
        for name in names:
            with (self.components.home / f"{name}.log").open("ab") as log:
                command = [sys.executable, "-m", f"services.{name}"]
                self.processes[name] = subprocess.Popen(command, env=self.mailweir.env(), stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """SIGKILL: no goodbye."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes.pop(name).wait(60)

    def stop(self) -> None:
        """Stop all services in their orderly way."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(90)
        self.processes.clear()

    def status(self) -> dict[str, int]:
        """Sums over all folders of ``mailweir status --json``."""
        done = self.mailweir("status", "--json")
        assert done.returncode == 0, done.stderr
        folders = [folder for account in json.loads(done.stdout) for folder in account["folders"]]
        names = ("listed", "published", "stored", "pending", "quarantined", "vanished", "missing")
        return {name: sum(folder[name] for folder in folders) for name in names}

    def ledger(self) -> list[dict[str, object]]:
        """Every line of ``mailweir ledger --json``."""
        done = self.mailweir("ledger", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def log_of(self, name: str, *, whole: bool = False) -> str:
        """What a service said, its end or all."""
        said = (self.components.home / f"{name}.log").read_text(errors="replace")
        return said if whole else said[-3_000:]

    def said(self, *words: str) -> bytes:
        """Everything that a command wrote, with the log at its loudest."""
        done = Mailweir(self.mailweir.home, (*self.mailweir.environment, ("MAILWEIR_LOG", "debug")))(*words)
        return (done.stdout + done.stderr).encode()

    def process_of(self, name: str) -> bytes:
        """Arguments and environment of a running service, as any program of the same user can read them."""
        folder = Path("/proc") / str(self.processes[name].pid)
        return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()

    def secrets(self) -> dict[str, str]:
        """Every secret of the stack by name."""
        password = dovecot.password_file(self.components.imap.folder, USER).read_text()
        database = urlsplit(self.components.database_url).password or ""
        key = Path(dict(self.mailweir.environment)["MAILWEIR_MASTER_KEY_FILE"]).read_text()
        return {"mail": password, "database": database, "objects": self.components.s3_keys[1], "master key": key}


def as_sent(raw: bytes) -> bytes:
    """Dovecot sends LF of its files as CRLF and leaves CRLF alone."""
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


until = partial(polling.until, every=0.3)  # a look is a command or a query


@contextmanager
def stack(home: Path) -> Iterator[World]:
    """Real Kafka, MinIO, Postgres and Dovecot with topics, schema and bucket made; no service runs yet."""
    with cluster.running(set(cluster.NAMES), home) as components:
        environment = {**components.environment(), "MAILWEIR_MASTER_KEY_FILE": str(_key(home))}
        world = World(components, Mailweir(home, tuple(environment.items())))
        for job in ("topics", "migrate"):
            done = world.mailweir(job)
            assert done.returncode == 0, done.stderr
        bucket(components).ensure_bucket()
        add_account(world)
        try:
            yield world
        finally:
            world.stop()


@contextmanager
def embedded(home: Path) -> Iterator[World]:
    """Dovecot alone; everything else is in the command's process and below ``home``."""
    from services.common.postgres import embedded_postgres

    with cluster.running({"dovecot"}, home) as components:
        world = World(components, Mailweir(home / "home"))
        add_account(world)
        try:
            yield world
        finally:
            embedded_postgres.stop(home / "home")


def add_account(world: World) -> None:
    """The account of the tests, over implicit TLS with the server's own CA.

    Its folders are made first: what others make in a Maildir, Dovecot lists minutes later to a session that is open.
    """
    imap = world.components.imap
    for folder in FOLDERS:
        dovecot.maildir(imap.folder, USER, folder)
    secret = str(dovecot.password_file(imap.folder, USER))
    where = ("--host", "localhost", "--port", str(imap.ports["imaps"]), "--ca-file", str(dovecot.ca_file(imap.folder)))
    pace = ("poll_interval=1", "list_interval=5", "backoff_base=0.1", "login_min_interval=0")
    fast = [word for setting in pace for word in ("--set", setting)]
    done = world.mailweir("accounts", "add", ACCOUNT, *where, "--user", USER, "--secret-file", secret, *fast)
    assert done.returncode == 0, done.stderr


def read_so_far(world: World) -> None:
    """Wait until what is in the topics now has been read, with all that follows; polls bring new audit events."""
    asyncio.run(catch_up(KafkaSettings(bootstrap=world.components.kafka), 120))


def bucket(components: Cluster) -> S3Store:
    """The bucket of a stack."""
    return S3Store(connect(components.s3_endpoint, *components.s3_keys), cluster.BUCKET)


def _key(home: Path) -> Path:
    path = home / "master.key"
    if not path.exists():
        path.write_text(os.urandom(32).hex())
        path.chmod(0o600)
    return path


def seen_messages(world: World) -> list[str]:
    """Names of delivered files that carry the S flag: must be none, for nothing on the server may change."""
    root = world.components.imap.folder
    return [path.name for path in root.rglob("*:2,*") if "S" in path.name.rpartition(",")[2]]
