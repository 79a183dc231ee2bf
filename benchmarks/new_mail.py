"""How long new mail takes until its row is there, one message after the other: embedded and on the stack.

    python -m benchmarks.new_mail [--messages N] [--only embedded,stack] [--folder NAME]

Another client appends messages to INBOX of a local Dovecot, or to another folder, at irregular gaps. The clock of a
message runs from when the server told the poller of it (EXISTS or STATUS, unasked or not), heard by a relay between the
two, until its row is seen. How long the steps between take on the stack, the times of its records tell.

Dovecot gathers for half a second what it tells a connection that idles, from the first news on, for each connection on
its own; what opens the folder anew is told at once. So another client hears of a message up to half a second before the
poller or after it, and cannot hold the clock. How long a message waits in the server, from APPEND on, is in no bar.
"""

import argparse
import asyncio
import imaplib
import math
import random
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from operator import contains
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from sqlalchemy import Connection, text

from benchmarks.bars import Bar, held
from benchmarks.hearing import between
from benchmarks.machine import told
from infra.local import dovecot
from infra.local.program import Program
from services.common.database import engine_for
from services.common.postgres import embedded_postgres
from tests.e2e.world import ACCOUNT, FOLDERS, SERVICES, USER, World, embedded, stack

Times = dict[int, float]
"""By the number of a message in its folder, which is its UID: seconds of the epoch."""

BARS = {"embedded_p99": Bar(0.25), "stack_p99": Bar(0.5)}  # seconds
GAPS = 0.05, 1.5  # seconds
FIRST = 3  # messages that only show that all is up and the poller listens
EVENTS = ("mail.fetched", "mail.parsed")
_LONGEST, _LOOK = 60.0, 0.004  # seconds
_PLACES = text("SELECT uid FROM email_places WHERE uid > :last")
_MAIL = (
    "From: a@example.test\r\nTo: b@example.test\r\nSubject: news {0}\r\nMessage-ID: <news-{0}@example.test>\r\n\r\n"
    "This is message {0}.\r\n"
)


def client(imap: Program) -> imaplib.IMAP4_SSL:
    """Signed in, beside the poller."""
    context = ssl.create_default_context(cafile=str(dovecot.ca_file(imap.folder)))
    made = imaplib.IMAP4_SSL("localhost", imap.ports["imaps"], ssl_context=context)
    made.login(USER, dovecot.password_file(imap.folder, USER).read_text().strip())
    return made


@contextmanager
def seeing(url: str) -> Iterator[Times]:
    """When the row of each message was there."""
    rows, end = Times(), threading.Event()

    def look(asking: Connection) -> None:
        while not end.wait(_LOOK):
            found = asking.execute(_PLACES, {"last": max(rows, default=0)}).scalars()
            rows.update(dict.fromkeys(found, time.time()))
            asking.rollback()

    with engine_for(url).connect() as asking:
        thread = threading.Thread(target=look, args=(asking,))
        thread.start()
        try:
            yield rows
        finally:
            end.set()
            thread.join()


def deliver(imap: Program, url: str, count: int, folder: str) -> dict[str, Times]:
    """Append ``FIRST`` and ``count`` messages; when each was to be appended, and when its row was there."""
    chance, appended = random.Random(11), Times()
    with seeing(url) as rows:
        writer = client(imap)
        for number in range(1, FIRST + count + 1):
            appended[number] = time.time()
            writer.append(folder, "", "", _MAIL.format(number).encode())
            if number <= FIRST:
                until(partial(contains, rows, number))
            time.sleep(chance.uniform(*GAPS))
        until(lambda: len(rows) == FIRST + count)
        writer.logout()
    return {"appended": appended, "row": rows}


def until(done: Callable[[], bool]) -> None:
    """Wait; raises AssertionError when it takes too long."""
    end = time.monotonic() + _LONGEST
    while not done():
        assert time.monotonic() < end, "mail does not come"
        time.sleep(_LOOK)


def in_one_process(home: Path, count: int, folder: str) -> dict[str, Times]:
    """``mailweir sync --watch`` without a stack."""
    with embedded(home) as world, by_relay(world, count) as heard, (home / "sync.log").open("wb") as log:
        command = [sys.executable, "-m", "services.cli.main", "sync", "--watch"]
        running = subprocess.Popen(command, env=world.mailweir.env(), stdout=log, stderr=log)
        try:
            times = deliver(world.components.imap, embedded_postgres.ensure(world.mailweir.home), count, folder)
            return times | {"told": heard()}
        finally:
            running.terminate()
            running.wait()


def on_the_stack(home: Path, count: int, folder: str) -> dict[str, Times]:
    """The services as processes."""
    with stack(home) as world, by_relay(world, count) as heard:
        world.start(*SERVICES)
        times = deliver(world.components.imap, world.components.database_url, count, folder)
        recorded = asyncio.run(_recorded(world.components.kafka, FIRST + count))
        return times | {"told": heard()} | recorded


@contextmanager
def by_relay(world: World, count: int) -> Iterator[Callable[[], Times]]:
    """When the poller was told of each message. Its account is reached by way of the relay, and at the usual pace.

    The account of the tests polls every second; of others, IDLE alone tells what is new.
    """
    with between(world.components.imap, FIRST + count) as (port, when):
        pace = "--set", "poll_interval=60", "--set", "list_interval=300"
        done = world.mailweir("accounts", "set", ACCOUNT, "--port", str(port), *pace)
        assert done.returncode == 0, done.stderr
        yield lambda: {number: seconds for number, seconds in enumerate(when) if seconds}


async def _recorded(brokers: str, count: int) -> dict[str, Times]:
    """When the records of each message were made."""
    consumer = AIOKafkaConsumer(*EVENTS, bootstrap_servers=brokers, auto_offset_reset="earliest")
    times = {name: Times() for name in EVENTS}
    await consumer.start()
    try:
        while any(len(each) < count for each in times.values()):
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    uid = int(dict(record.headers)["ce_subject"].rpartition(b"/")[2])
                    times[record.topic].setdefault(uid, record.timestamp / 1_000)
    finally:
        await consumer.stop()
    return times


WAYS = {"embedded": in_one_process, "stack": on_the_stack}


def steps(times: Mapping[str, Times]) -> dict[str, list[float]]:
    """Sorted seconds of each step, and of all."""
    names = ["appended", "told", *(name for name in EVENTS if name in times), "row"]
    numbers = [number for number in times["row"] if number > FIRST]
    pairs = dict.fromkeys([*pairwise(names), ("told", "row")])
    return {f"{a} -> {b}": sorted(times[b][number] - times[a][number] for number in numbers) for a, b in pairs}


def share(seconds: list[float], part: float) -> float:
    """So many seconds or less took ``part`` of them, which are sorted."""
    return seconds[math.ceil(part * len(seconds)) - 1]


def p99(name: str, count: int, folder: str) -> float:
    """Print what each step took one way; seconds from told to row that 99 % of messages took at most."""
    with tempfile.TemporaryDirectory(prefix="mailweir-bench-", ignore_cleanup_errors=True) as home:
        took = steps(WAYS[name](Path(home), count, folder))
    for step, seconds in took.items():
        told_of = (f"p{100 * part:<3g} {1_000 * share(seconds, part):5.0f} ms" for part in (0.5, 0.9, 0.99, 1))
        print(f"{name:9} {step:28} {'  '.join(told_of)}", flush=True)
    return round(share(took["told -> row"], 0.99), 3)


def main() -> int:
    """Measure each way; 1 when one misses its bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.new_mail", description=__doc__)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--only", default=",".join(WAYS))
    parser.add_argument("--folder", default="INBOX", choices=[name for name in FOLDERS if name.isascii()])
    options = parser.parse_args()
    print(f"{options.messages} messages to {options.folder}, one after the other; {told()}")
    found = {f"{name}_p99": p99(name, options.messages, options.folder) for name in options.only.split(",")}
    return 0 if held(found, {name: BARS[name] for name in found}) else 1


if __name__ == "__main__":
    sys.exit(main())
