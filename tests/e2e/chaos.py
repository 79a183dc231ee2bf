"""Faults on the running stack, and what must hold when they are over. ``make chaos`` or, for single faults::

    python -m tests.e2e.chaos [--messages N] [--seconds S] [FAULT...]

A fault is ``stop-``, ``kill-`` or ``pause-`` (SIGSTOP: it hangs, with its connections) with the name of a component,
``services`` (30 random SIGKILLs), ``together`` (Kafka is away while Postgres is killed twice), ``pairs`` (a component
is killed together with a service), ``readonly`` (Postgres takes no changes, as a standby), ``stutter`` (MinIO hangs
every other second), ``asleep`` (the poller hangs until another has its lease), ``copies`` (second services join, first
ones are killed meanwhile or sleep beyond their session), or ``disk-`` with minio, postgres or kafka (it runs on a disk
that gets full; needs root). Each runs in the middle of N messages of its own, and all
the while the figures of each folder have to add up.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from itertools import islice
from pathlib import Path
from threading import Event

from sqlalchemy import Engine, text

from benchmarks.mail import messages
from services.common.completeness import FolderStatus, folders_of, statuses
from services.common.database import engine_for
from services.common.errors import Unavailable
from tests.e2e.copies import come_and_go, sleep_poller
from tests.e2e.test_stack import complete, logs, places, query
from tests.e2e.world import ACCOUNT, SERVICES, World, bucket, seen_messages, stack, until

COMPONENTS = ("postgres", "minio", "kafka")
DISKS_MB = {"minio": (80, 2_000), "postgres": (90, 2_000), "kafka": (100, 2_000)}  # too small, then large enough
FAULTS = (
    *(f"{how}-{name}" for how in ("stop", "kill", "pause") for name in COMPONENTS),
    "services",
    "together",
    "pairs",
    "readonly",
    "stutter",
    "asleep",
    "copies",
    *(f"disk-{name}" for name in DISKS_MB),
)
KILLS = 30
RECOVERY = 300.0  # seconds in which everything must be complete after the last fault
_TOLD = {  # by whom, and what
    "minio": ("attachments", "full"),
    "postgres": ("storer", "waiting for a dependency"),
    "kafka": ("poller", "kafka did not confirm"),
}


def stop_component(world: World, name: str, seconds: float) -> None:
    """An orderly stop, an outage, a start."""
    world.components.stop(name)
    time.sleep(seconds)
    world.components.start(name)


def kill_component(world: World, name: str, seconds: float) -> None:
    """SIGKILL, an outage, a start."""
    world.components.kill(name)
    time.sleep(seconds)
    world.components.start(name)


def pause_component(world: World, name: str, seconds: float) -> None:
    """SIGSTOP, silence, SIGCONT."""
    world.components.pause(name)
    time.sleep(seconds)
    world.components.resume(name)


def kill_services(world: World, kills: int, chance: random.Random) -> None:
    """SIGKILL to random services, each started again at once."""
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 2))
        name = chance.choice(SERVICES)
        tend(world)
        world.kill(name)
        world.start(name)


def fail_together(world: World, seconds: float) -> None:
    """Kafka stops; Postgres is killed, comes back, and is killed again before Kafka is there."""
    world.components.stop("kafka")
    kill_component(world, "postgres", seconds / 3)
    time.sleep(seconds / 3)
    world.components.kill("postgres")
    world.components.start("kafka")
    time.sleep(seconds / 3)
    world.components.start("postgres")


def kill_pairs(world: World, seconds: float) -> None:
    """Each component goes down at once with a service, which comes back first."""
    for name, service in zip(COMPONENTS, ("storer", "attachments", "poller"), strict=True):
        tend(world)
        world.components.kill(name)
        world.kill(service)
        world.start(service)
        time.sleep(seconds / len(COMPONENTS))
        world.components.start(name)


def refuse_changes(world: World, seconds: float) -> None:
    """Postgres reads only for a while, in the sessions that are open, too."""
    engine = engine_for(world.components.database_url, pool_size=1)
    for value in ("on", "off"):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET default_transaction_read_only = off"))
            connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {value}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        time.sleep(seconds if value == "on" else 0)
    engine.dispose()


def stutter(world: World, name: str, seconds: float) -> None:
    """The component hangs for a second, works for a second, and so on."""
    for _ in range(int(seconds)):
        pause_component(world, name, 1)
        time.sleep(1)


def fill_disk(world: World, name: str, seconds: float) -> None:
    """Wait until the component refuses, stay so, then make room; a component that ended by itself is started."""
    service, said = _TOLD[name]
    until(lambda: said in world.log_of(service).lower(), 300, lambda: logs(world))
    time.sleep(seconds)
    _mount("-o", f"remount,size={DISKS_MB[name][1]}m", str(world.components.programs[name].folder))
    world.components.start(name)


def tend(world: World) -> list[str]:
    """Start services again that ended by themselves, as an orchestrator does; their names."""
    ended = [name for name, process in world.processes.items() if process.poll() is not None]
    world.start(*ended)
    return ended


def in_the_middle(world: World, news: list[bytes], fault: Callable[[], None]) -> float:
    """Deliver, let the fault happen when a fifth has arrived, wait until all is complete; seconds after the fault."""
    before = places(world)
    world.deliver(news)
    until(lambda: places(world) >= before + len(news) // 5, 300, lambda: logs(world))
    fault()
    start, ended = time.monotonic(), list[str]()

    def over() -> bool:
        ended.extend(tend(world))
        return complete(world)

    until(over, RECOVERY, lambda: f"ended by themselves: {ended}\n{logs(world)}")
    return time.monotonic() - start


def hold(world: World) -> None:
    """0 missing, 0 twice, 0 too many, 0 dead letters: places, rows, and every object by its bytes."""
    ledger = world.ledger()
    assert Counter(line["state"] for line in ledger) == {"stored": len(world.delivered)}
    assert Counter(line["contentsha256"] for line in ledger) == world.expected()
    assert query(world, "SELECT count(*) FROM emails") == [(len(set(world.expected())),)]
    assert query(world, "SELECT count(*) FROM dead_letters") == [(0,)]
    store = bucket(world.components)
    keys = set(store.keys(""))
    assert keys == {key for (key,) in query(world, "SELECT key FROM objects")}
    names = [key.rpartition("/")[2].removesuffix(".eml") for key in keys if key.startswith("work/messages/")]
    assert Counter(names) == Counter(set(world.expected()))
    for key in keys:
        said = key.split("/")[2] if "/attachments/" in key else key.rpartition("/")[2].removesuffix(".eml")
        assert hashlib.sha256(store.read(key)).hexdigest() == said, key
    assert seen_messages(world) == []


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system in memory, too small for what comes."""
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def run(fault: str, world: World, news: list[bytes], seconds: float) -> float:
    """One fault by its name; seconds until all was complete again."""
    how, _, name = fault.partition("-")
    chance = random.Random(1)
    actions: dict[str, Callable[[], None]] = {
        "stop": lambda: stop_component(world, name, seconds),
        "kill": lambda: kill_component(world, name, seconds),
        "pause": lambda: pause_component(world, name, seconds),
        "services": lambda: kill_services(world, KILLS, chance),
        "together": lambda: fail_together(world, seconds),
        "pairs": lambda: kill_pairs(world, seconds),
        "readonly": lambda: refuse_changes(world, seconds),
        "stutter": lambda: stutter(world, "minio", seconds),
        "asleep": lambda: sleep_poller(world, seconds),
        "copies": lambda: come_and_go(world, seconds),
        "disk": lambda: fill_disk(world, name, seconds),
    }
    with adding_up(world):
        return in_the_middle(world, news, actions[how])


@contextmanager
def adding_up(world: World) -> Iterator[None]:
    """While the block runs, each listed message is in exactly one state, by the view and by what the console counts."""
    over, engine = Event(), engine_for(world.components.database_url, pool_size=1)
    with ExitStack() as last, ThreadPoolExecutor(1) as thread:
        last.callback(engine.dispose)
        looking = thread.submit(_looked, engine, over)
        try:
            yield
        finally:
            over.set()
            looks, wrong = looking.result()
    assert looks > 0
    assert wrong == []


def _looked(engine: Engine, over: Event) -> tuple[int, list[FolderStatus]]:
    """How many looks the database answered, and the folders whose figures did not add up."""
    looks, wrong = 0, list[FolderStatus]()
    while not over.wait(0.5):
        with suppress(Unavailable):
            (account,) = statuses(engine, [(ACCOUNT, "active")])
            wrong += [folder for folder in (*account.folders, *folders_of(engine, ACCOUNT)) if not _adds_up(folder)]
            looks += 1
    return looks, wrong


def _adds_up(folder: FolderStatus) -> bool:
    parts = (folder.stored, folder.pending, folder.quarantined, folder.vanished, folder.missing)
    return min(parts) >= 0 and sum(parts) == folder.listed


def alone(fault: str, news: list[bytes], seconds: float) -> float:
    """A stack of its own for one fault."""
    how, _, name = fault.partition("-")
    with tempfile.TemporaryDirectory(prefix="mailweir-chaos-") as folder:
        home = Path(folder)
        disk = small_disk(home / name, DISKS_MB[name][0]) if how == "disk" else nullcontext()
        with disk, stack(home) as world:
            world.start(*SERVICES)
            took = run(fault, world, news, seconds)
            hold(world)
            return took


def main() -> int:
    """Run the faults one after the other; the first that loses, doubles or refuses anything ends it with its story."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.chaos", description=__doc__)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=20, help="how long a component is away")
    asked = parser.parse_args()
    if unknown := set(asked.faults) - set(FAULTS):
        parser.error(f"no fault is called {', '.join(sorted(unknown))}")
    for fault in asked.faults or FAULTS:
        print(f"{fault:14} ", end="", flush=True)
        took = alone(fault, list(islice(messages(asked.messages), asked.messages)), asked.seconds)
        print(f"complete {took:5.1f} s after it; 0 missing, 0 double, 0 dead letters", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
