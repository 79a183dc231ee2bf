"""10,000 mixed messages from a local Dovecot: mbsync, embedded, and the whole stack, in one run.

    python -m benchmarks.end_to_end [--messages N] [--rounds N] [--only mbsync,embedded,stack]

Every way starts from nothing and ends when all is durable: mbsync with its files synced to disk; embedded with rows and
objects; the stack with topics, rows, and raw and attachment objects all there. CPU seconds are those of the clients, on
the stack of all processes, and there of each; what the components take is the floor for any services between them.
MinIO's data lies on XFS, as its documents ask for, where this machine may mount one.
mbsync and embedded take turns for three rounds, as one run of each tells their ratio to a fifth only.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, text

from benchmarks.bars import Bar, held
from benchmarks.disk import xfs
from benchmarks.machine import told
from benchmarks.mail import messages
from infra.local import apt, cluster, dovecot
from infra.local.program import Program
from services.common.database import engine_for
from tests.e2e.test_stack import complete, filed
from tests.e2e.world import USER, World, embedded, stack

CONSUMERS = ("parser", "storer", "attachments")
MBSYNC = """IMAPAccount bench
Host localhost
Port {port}
User {user}
PassCmd "cat {password}"
SSLType IMAPS
CertificateFile {ca}

IMAPStore far
Account bench

MaildirStore near
Path {mail}/
Inbox {mail}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull New
SyncState *
"""


def mbsync(home: Path, count: int) -> tuple[float, float]:
    """Run mbsync into an empty Maildir, with fsync (its default)."""
    with cluster.running({"dovecot"}, home) as components:
        world = World(components, None)  # type: ignore[arg-type]
        world.deliver(list(messages(count)))
        imap = components.imap
        command = mbsync_command(home, imap, imap.ports["imaps"])
        took = timed(lambda: subprocess.run(command, check=True))
        found = sum(1 for path in (home / "mail").rglob("*") if path.is_file() and path.parent.name in ("cur", "new"))
        assert found == count, f"mbsync fetched {found} of {count}"
        return took


def mbsync_command(home: Path, imap: Program, port: int) -> list[str | Path]:
    """mbsync, installed when it is missing, into an empty Maildir below ``home`` from the server behind ``port``."""
    (home / "mail").mkdir()
    files = {"password": dovecot.password_file(imap.folder, USER), "ca": dovecot.ca_file(imap.folder)}
    path = home / "mbsyncrc"
    path.write_text(MBSYNC.format(port=port, user=USER, mail=home / "mail", **files))
    return [apt.program("mbsync", "isync", "which this is compared with"), "-q", "-c", path, "-a"]


def in_one_process(home: Path, count: int) -> tuple[float, float]:
    """``mailweir sync`` without a stack; the embedded Postgres is up, as it is between commands."""
    with embedded(home) as world:
        world.deliver(list(messages(count)))
        took = timed(lambda: _sync(world))
        assert world.status()["stored"] == count
        return took


def on_the_stack(home: Path, count: int) -> tuple[float, float]:
    """The services wait for work; the clock runs from the start of the sync until everything is there."""
    with xfs(home / "minio" / "data") as disk, stack(home) as world:
        print(f"    objects on {disk}")
        world.deliver(list(messages(count)))
        world.start(*CONSUMERS)
        time.sleep(8)
        before = _cpu(world)
        with engine_for(world.components.database_url).connect() as asking:

            def run() -> None:
                _sync(world)
                while not _all_there(world, asking, count):
                    time.sleep(0.2)

            wall, cpu = timed(run)
        spent = {name: seconds - before[name] for name, seconds in _cpu(world).items()}
        assert complete(world), "not all that was delivered is accounted for"
        for name, seconds in {"sync": cpu, **spent}.items():
            print(f"    {name:12} {seconds:6.1f} CPU s")
        return wall, cpu + sum(spent.values())


def _all_there(world: World, asking: Connection, count: int) -> bool:
    """Asked of the database alone and on one connection: a command or a sign-in for every look would cost a core."""
    found = asking.execute(text("SELECT count(*) FROM emails")).scalar_one()
    asking.rollback()
    return found == count and filed(world)


def _cpu(world: World) -> dict[str, float]:
    """CPU seconds so far of each service and component, by its process tree."""
    import psutil

    found: dict[str, float] = {}
    pids = {name: process.pid for name, process in world.processes.items()}
    for name, running in world.components.programs.items():
        pids[name] = int(running.pid_file.read_text().split()[0])
    for name, pid in pids.items():
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
        found[name] = sum(sum(each.cpu_times()[:2]) for each in family)
    return found


def _sync(world: World) -> None:
    done = world.mailweir("sync", timeout=900)
    assert done.returncode == 0, done.stderr


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds and CPU seconds of child processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


WAYS = {"mbsync": mbsync, "embedded": in_one_process, "stack": on_the_stack}
BARS = {"embedded_to_mbsync": Bar(1.2)}  # of the stack 20 s are wanted for 10,000 messages


def measured(names: Sequence[str], count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way: the short ones once a round, side by side in time, the stack once."""
    took: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as homes:  # removed at the end: new files cost more just after others were deleted
        for name in [*[name for name in names if name != "stack"] * rounds, *["stack"] * ("stack" in names)]:
            home = tempfile.TemporaryDirectory(prefix="mailweir-bench-", ignore_cleanup_errors=True)
            wall, cpu = WAYS[name](Path(homes.enter_context(home)), count)
            took[name].append(wall)
            print(f"{name:10} {wall:7.1f} s {count / wall:8.0f} msg/s {cpu:7.1f} CPU s", flush=True)
    return took


def main() -> int:
    """Run each way from nothing and print seconds, messages per second and the ratio of medians; 1 when it misses."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="of mbsync and embedded, whose ratio is taken")
    parser.add_argument("--only", default=",".join(WAYS))
    options = parser.parse_args()
    megabytes = sum(map(len, messages(options.messages))) / 1e6
    print(f"{options.messages} messages, {megabytes:.0f} MB; {told()}")
    took = measured(options.only.split(","), options.messages, options.rounds)
    middle = {name: median(seconds) for name, seconds in took.items()}
    if not {"mbsync", "embedded"} <= middle.keys():
        return 0
    return 0 if held({"embedded_to_mbsync": round(middle["embedded"] / middle["mbsync"], 2)}, BARS) else 1


if __name__ == "__main__":
    sys.exit(main())
