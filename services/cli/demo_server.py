"""A real IMAP server for the demo: pymap over STARTTLS with a certificate of our own, serving the sample mailbox."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local import folders
from services.cli.samples import Sample, mailbox
from services.common.errors import ConnectionFailed
from services.common.testca import write_certificates

USER = "demo@reeds.example"
HOST = "localhost"
_START_SECONDS = 20.0
_WHOLE = "complete"


@dataclass(frozen=True, slots=True)
class DemoServer:
    """Where the server listens and what a client needs to reach it."""

    host: str
    port: int
    ca_file: Path
    user: str
    password_file: Path


@contextlib.contextmanager
def running(home: Path, port: int = 0) -> Iterator[DemoServer]:
    """Serve the sample mailbox from ``home`` while the block runs; mail and certificates are made once.

    Raises:
        ConnectionFailed: the server did not answer; the text names its log file.
    """
    server = _prepare(home, port or folders.free_port())
    log = home / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 -- our own interpreter, fixed arguments
            _command(home, server.port), stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            _wait_until_ready(server.port, process, log)
            yield server
        finally:
            process.terminate()
            process.wait(10)


def is_whole(home: Path) -> bool:
    """Whether the sample mailbox was made there."""
    return (home / _WHOLE).exists()


def _prepare(home: Path, port: int) -> DemoServer:
    home.mkdir(parents=True, exist_ok=True)
    certificates = write_certificates(home / "tls", HOST)
    password_file = home / "password"
    if not is_whole(home):
        asyncio.run(_write_users(home, folders.secret(password_file)))
        for sample in mailbox():
            _deliver(home / "mail", sample)
        (home / _WHOLE).touch()
    return DemoServer(HOST, port, certificates.ca, USER, password_file)


def _command(home: Path, port: int) -> list[str]:
    tls = ["--cert", str(home / "tls" / "server.pem"), "--key", str(home / "tls" / "server.key")]
    return [
        sys.executable,
        "-c",
        "from pymap.main import main; main()",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *tls,
        "maildir",
        str(home),
    ]


async def _write_users(home: Path, password: str) -> None:
    from pymap.backend.maildir.users import PasswordsFile, UsersFile
    from pysasl.hashing import BuiltinHash

    async with UsersFile.with_write(str(home)) as users:
        users.set(users.build_record(USER, "mail"))
    async with PasswordsFile.with_write(str(home)) as passwords:
        passwords.set(passwords.build_record(USER, BuiltinHash().hash(password)))


def _deliver(root: Path, sample: Sample) -> None:
    """One file in a Maildir++ folder; its time stamp is what the server gives as INTERNALDATE."""
    folder = root if sample.folder == "INBOX" else root / f".{sample.folder}"
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    stamp = sample.received.timestamp()
    path = folder / "cur" / f"{int(stamp)}.{len(sample.raw)}.reeds:2,"
    path.write_bytes(sample.raw)
    os.utime(path, (stamp, stamp))


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
            probe.settimeout(2)
            if probe.recv(4) == b"* OK":
                return
        time.sleep(0.05)
    raise ConnectionFailed(f"the demo server does not answer on port {port}; its log is {log}")
