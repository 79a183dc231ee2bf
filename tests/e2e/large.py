"""Messages with one large attachment each from mailbox to object store, and the memory that each process took.

    python -m tests.e2e.large [--octets N] [--messages N] [--only stack,embedded]

Prints the peak of resident memory (VmHWM, the process with its children) and fails above 150 MB.
"""

import argparse
import base64
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.local import dovecot
from services.common.objects import ObjectStore
from services.common.stores.folder import FolderStore
from tests.e2e.test_stack import logs
from tests.e2e.world import ACCOUNT, SERVICES, USER, World, bucket, embedded, stack, until

MOST_KB = 150_000
_BLOCK = 57 * 65_536  # whole lines of base64
_HEAD = """From: a@example.test\r
To: b@example.test\r
Subject: large\r
Date: Sat, 21 Nov 2026 08:00:00 +0000\r
Message-ID: <large-{number}@example.test>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=weir\r
\r
--weir\r
Content-Type: text/plain\r
\r
The film is attached.\r
--weir\r
Content-Type: video/mp4\r
Content-Transfer-Encoding: base64\r
Content-Disposition: attachment; filename="film.mp4"\r
\r
"""


@dataclass(frozen=True)
class Sent:
    """SHA-256 of the message and of its attachment, and the attachment's octets."""

    message: str
    attachment: str
    octets: int


def deliver(world: World, octets: int, number: int = 1) -> Sent:
    """Put a message with an attachment of at least ``octets`` into INBOX, block by block; each number is another."""
    folder = dovecot.maildir(world.components.imap.folder, USER, "INBOX")
    name = f"large-{number}.mail"
    fresh, whole, part, written = folder / "tmp" / name, hashlib.sha256(), hashlib.sha256(), 0
    chance = random.Random(number)
    with fresh.open("wb") as file:

        def write(piece: bytes) -> None:
            whole.update(piece)
            file.write(piece)

        write(_HEAD.format(number=number).encode())
        while written < octets:
            block = chance.randbytes(_BLOCK)
            part.update(block)
            written += len(block)
            write(base64.encodebytes(block).replace(b"\n", b"\r\n"))
        write(b"--weir--\r\n")
    dovecot.hand_over(fresh)
    fresh.rename(folder / "new" / name)
    return Sent(whole.hexdigest(), part.hexdigest(), written)


def peak_kb(pid: int) -> int:
    """Largest resident memory so far of a process and of each process below it, added up; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    own = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
    return own + sum(peak_kb(int(child)) for child in children)


def arrived(store: ObjectStore, sent: Sent) -> bool:
    """Whether both objects are there."""
    attachment = store.stat(f"{ACCOUNT}/attachments/{sent.attachment}/film.mp4")
    messages = [key for key in store.keys(f"{ACCOUNT}/messages/") if sent.message in key]
    return len(messages) == 1 and attachment is not None and attachment.size == sent.octets


def through_the_stack(world: World, octets: int, within: float, messages: int = 1) -> dict[str, int]:
    """The peaks in kB of the running services when the messages are filed and stored."""
    before = world.status()["stored"]
    every = _delivered(world, octets, messages)
    store = bucket(world.components)

    def done() -> bool:
        return all(arrived(store, sent) for sent in every) and world.status()["stored"] == before + messages

    until(done, within, lambda: logs(world))
    return {name: peak_kb(world.processes[name].pid) for name in SERVICES}


def embedded_in(world: World, octets: int, within: float, messages: int = 1) -> dict[str, int]:
    """The peak in kB of ``mailweir sync``, its database beside it."""
    every = _delivered(world, octets, messages)
    highest, deadline = 0, time.monotonic() + within
    command = [sys.executable, "-m", "services.cli.main", "sync"]
    with subprocess.Popen(command, env=world.mailweir.env(), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            assert time.monotonic() < deadline, "mailweir sync does not end"
            own = Path(f"/proc/{process.pid}/status").read_text()
            highest = max(highest, *(int(line.split()[1]) for line in own.splitlines() if line.startswith("VmHWM")), 0)
            time.sleep(0.05)
    assert process.returncode == 0
    store = FolderStore(world.mailweir.home / "objects", "mailweir")
    assert all(arrived(store, sent) for sent in every)
    return {"mailweir sync": highest}


def _delivered(world: World, octets: int, messages: int) -> list[Sent]:
    return [deliver(world, octets, number) for number in range(1, messages + 1)]


def _raise_limit(world: World, octets: int) -> None:
    done = world.mailweir("accounts", "set", ACCOUNT, "--set", f"max_message_bytes={2 * octets}")
    assert done.returncode == 0, done.stderr


def on_stack(home: Path, octets: int, messages: int) -> dict[str, int]:
    """A stack of its own."""
    with stack(home) as world:
        _raise_limit(world, octets)
        world.start(*SERVICES)
        return through_the_stack(world, octets, 600, messages)


def on_embedded(home: Path, octets: int, messages: int) -> dict[str, int]:
    """An embedded home of its own."""
    with embedded(home) as world:
        _raise_limit(world, octets)
        return embedded_in(world, octets, 600, messages)


def main() -> int:
    """Both ways; 1 when a process took more than it may."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.large", description=__doc__)
    parser.add_argument("--octets", type=int, default=1_000_000_000)
    parser.add_argument("--messages", type=int, default=1, help="several arrive at once")
    parser.add_argument("--only", default="stack,embedded")
    asked = parser.parse_args()
    ways: dict[str, Callable[[Path, int, int], dict[str, int]]] = {"stack": on_stack, "embedded": on_embedded}
    worst = 0
    for name in asked.only.split(","):
        with tempfile.TemporaryDirectory(prefix="mailweir-large-") as folder:
            start = time.monotonic()
            peaks = ways[name](Path(folder), asked.octets, asked.messages)
            said = ", ".join(f"{process} {kb / 1000:.0f} MB" for process, kb in peaks.items())
            size = f"{asked.messages} x {asked.octets / 1e6:.0f} MB"
            print(f"{name}: {size} in {time.monotonic() - start:.1f} s; peak {said}", flush=True)
            worst = max(worst, *peaks.values())
    return int(worst > MOST_KB)


if __name__ == "__main__":
    sys.exit(main())
