"""1,000 mixed messages from a server 40 ms away: mbsync and ``mailweir sync`` embedded, each from nothing, in one run.

    python -m benchmarks.far [--messages N] [--rounds N]

A Dovecot of this machine, behind a proxy that holds back every octet for 20 ms in each direction; the TCP connection
alone is made without delay, for both. All mail is in INBOX. Each ends when all is durable: mbsync with its files synced
to disk, ours with rows and objects. How much of ours is start-up, sign-in and goodbye, a sync with nothing new tells.
"""

import argparse
import asyncio
import multiprocessing
import subprocess
import sys
import tempfile
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from benchmarks.bars import Bar, held
from benchmarks.end_to_end import mbsync_command, timed
from benchmarks.machine import told
from benchmarks.mail import messages
from infra.local import cluster, dovecot
from infra.local.program import Program
from tests.e2e.world import ACCOUNT, USER, World, embedded

ONE_WAY = 0.02
CHUNK, IN_FLIGHT = 1 << 16, 64  # 4 MB on the way, as much as Linux lets a receiver's window grow to
BARS = {"ours_to_mbsync": Bar(0.76)}  # 0.9 s to its 1.18 s


@contextmanager
def far_away(port: int) -> Iterator[int]:
    """A port of this machine behind which ``port`` seems to be ``ONE_WAY`` seconds away in each direction."""
    here, there = multiprocessing.Pipe()
    proxy = multiprocessing.Process(target=_serve, args=(port, there), daemon=True)
    proxy.start()
    try:
        yield here.recv()
    finally:
        proxy.terminate()
        proxy.join()


def _serve(port: int, pipe: Connection) -> None:
    """Run the proxy for ever; its port goes into ``pipe``."""

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_delayed(reader, far_writer), _delayed(far_reader, writer))

    async def run() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def _delayed(reader: StreamReader, writer: StreamWriter) -> None:
    """Pass on each piece ``ONE_WAY`` seconds after it came, and then the end."""
    clock = asyncio.get_running_loop().time
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)

    async def arrive() -> None:
        due, piece = await on_the_way.get()
        while piece:
            await asyncio.sleep(due - clock())
            writer.write(piece)
            await writer.drain()
            due, piece = await on_the_way.get()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(arrive())
            while piece := await reader.read(CHUNK):
                await on_the_way.put((clock() + ONE_WAY, piece))
            await on_the_way.put((clock(), b""))
    except* ConnectionError:
        pass  # who left expects nothing more
    writer.close()


def mbsync(home: Path, count: int) -> dict[str, float]:
    """Seconds of mbsync into an empty Maildir, with fsync (its default)."""
    with cluster.running({"dovecot"}, home) as components:
        _deliver(components.imap, count)
        with far_away(components.imap.ports["imaps"]) as port:
            command = mbsync_command(home, components.imap, port)
            seconds, _ = timed(lambda: subprocess.run(command, check=True))
    found = sum(1 for path in (home / "mail").glob("INBOX/*/*") if path.parent.name in ("cur", "new"))
    assert found == count, f"mbsync fetched {found} of {count}"
    return {"mbsync": seconds}


def ours(home: Path, count: int) -> dict[str, float]:
    """Seconds of ``mailweir sync`` without a stack, and of a second one; Postgres is up, as it is between commands."""
    with embedded(home) as world:
        _deliver(world.components.imap, count)
        with far_away(world.components.imap.ports["imaps"]) as port:
            _run(world, "accounts", "set", ACCOUNT, "--port", str(port))
            first, again = (timed(lambda: _run(world, "sync"))[0] for _ in range(2))
        assert world.status()["stored"] == count
    return {"ours": first, "nothing new": again}


def _deliver(imap: Program, count: int) -> None:
    dovecot.deliver(imap.folder, USER, {f"{number}.mail": raw for number, raw in enumerate(messages(count))})


def _run(world: World, *words: str) -> None:
    done = world.mailweir(*words)
    assert done.returncode == 0, done.stderr


def measured(count: int, rounds: int) -> dict[str, list[float]]:
    """Both once a round, in homes of their own; these go at the end, as new files cost more after others went."""
    took: dict[str, list[float]] = {}
    with ExitStack() as homes:
        for _ in range(rounds):
            for way in (mbsync, ours):
                home = tempfile.TemporaryDirectory(prefix="mailweir-bench-", ignore_cleanup_errors=True)
                figures = way(Path(homes.enter_context(home)), count)
                print("  ", ", ".join(f"{name} {seconds:.2f} s" for name, seconds in figures.items()), flush=True)
                for name, seconds in figures.items():
                    took.setdefault(name, []).append(seconds)
    return took


def main() -> int:
    """Print seconds of each, the ratio of medians and how much of ours is start-up; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.far", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{options.messages} messages, {2_000 * ONE_WAY:.0f} ms away; {told()}")
    middle = {name: median(each) for name, each in measured(options.messages, options.rounds).items()}
    theirs, whole, start = middle["mbsync"], middle["ours"], middle["nothing new"]
    print(f"mbsync {theirs:.2f} s; ours {whole:.2f} s, of which {start:.2f} s ({start / whole:.0%}) are start-up")
    return 0 if held({"ours_to_mbsync": round(whole / theirs, 2)}, BARS) else 1


if __name__ == "__main__":
    sys.exit(main())
