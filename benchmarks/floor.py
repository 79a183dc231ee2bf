"""What the stack's work takes at least on this machine, and what the stack takes: ``python -m benchmarks.floor``.

The same 10,000 messages as end to end go the same way, with the same clients, topics, tables and objects, but each step
once and by itself, in one process, in large batches: nothing of Faust, groups, commits, retries or health, and nobody
waits for anybody. The machine's CPU seconds of all steps, over its cores, are the time that no services between these
components could beat. The stack itself follows in the same run. Needs a machine that does nothing else.
"""

import argparse
import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer

from benchmarks.disk import xfs
from benchmarks.end_to_end import on_the_stack
from benchmarks.machine import told
from benchmarks.mail import messages
from infra.local import dovecot
from services.attachments.handlers import file_attachments, file_messages
from services.common.contract.records import Record, decode
from services.common.database import engine_for
from services.common.events import INLINE, AttachmentExtracted, Event, MessageFetched
from services.common.place import Place
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.service import Outcome
from services.common.topics import MAIL_ATTACHMENTS, MAIL_FETCHED, MAIL_FILED, MAIL_PARSED, Topic
from services.parser.handlers import parse
from services.poller.domain.uidset import UidSet
from services.poller.imap.model import Credentials, Endpoint
from services.poller.imap.session import Session
from services.storer.adapters import PostgresWriter, write_filed, write_parsed
from tests.e2e.world import ACCOUNT, FOLDERS, USER, World, bucket, stack

BATCH = 500


async def cost(costs: dict[str, float], name: str, step: Awaitable[Any]) -> Any:
    """Run one step and note the machine's CPU seconds; what the step gives."""
    before = _busy()
    result = await step
    costs[name] = _busy() - before
    print(f"    {name:34} {costs[name]:6.1f} CPU s", flush=True)
    return result


def _busy() -> float:
    now = psutil.cpu_times()
    return float(sum(now) - now.idle - now.iowait - now.guest - now.guest_nice)


async def retrieved(world: World) -> list[MessageFetched]:
    """All mail of all folders, in groups of a hundred, as events with their hashes."""
    imap = world.components.imap
    ca_file = dovecot.ca_file(imap.folder)
    session = await Session.open(Endpoint("localhost", imap.ports["imaps"], ca_file=ca_file))
    await session.sign_in(Credentials(USER, dovecot.password_file(imap.folder, USER).read_text().strip()))
    found: list[MessageFetched] = []
    for folder in (each for each in await session.list_folders() if each.name in FOLDERS):
        opened = await session.examine(folder.wire)
        for uids in UidSet.range(1, opened.exists).chunks(100):
            found += [_event(folder.name, each.uid, each.body) async for each in session.fetch_bodies(uids)]
    await session.logout()
    return found


def _event(folder: str, uid: int, body: object) -> MessageFetched:
    assert isinstance(body, bytes)
    folderid = f"f{FOLDERS.index(folder)}"
    place = Place(account=ACCOUNT, folder=folder, folderid=folderid, uidvalidity=1, uid=uid)
    sha256 = hashlib.sha256(body).hexdigest()
    return MessageFetched(place=place, contentsha256=sha256, internaldate=None, size=len(body), body=body)


async def published(settings: KafkaSettings, service: str, events: Sequence[Event]) -> None:
    """Publish all in batches, each confirmed."""
    publisher = KafkaPublisher(settings, service)
    for batch in _batches(events):
        await publisher.publish(batch)
    await publisher.stop()


async def read(settings: KafkaSettings, topic: Topic, count: int) -> list[Event]:
    """Read and decode a topic from its beginning, without a group."""
    options = {"auto_offset_reset": "earliest", "max_partition_fetch_bytes": 1 << 20}
    consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=settings.bootstrap, **options)
    await consumer.start()
    events: list[Event] = []
    while len(events) < count:
        for records in (await consumer.getmany(timeout_ms=1_000)).values():
            events += [decode(Record(each.topic, each.key, each.value, tuple(each.headers))) for each in records]
    await consumer.stop()
    return events


async def handled(handler: Callable[[Sequence[Event]], Awaitable[Sequence[Outcome]]], events: Sequence[Event]) -> Any:
    """What a handler makes of all events."""
    return [outcome for batch in _batches(events) for outcome in await handler(batch)]


async def written(writer: PostgresWriter, write: Callable[..., None], events: Sequence[Event]) -> None:
    """Rows of all events, two transactions at a time."""
    batches = list(_batches(events))
    for start in range(0, len(batches), 2):
        await asyncio.gather(*(writer.write(partial(write, events=batch)) for batch in batches[start : start + 2]))


def _batches(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    return (events[start : start + BATCH] for start in range(0, len(events), BATCH))


async def walk(world: World, costs: dict[str, float]) -> None:
    """The way of the mail, step by step."""
    settings, store = KafkaSettings(bootstrap=world.components.kafka), bucket(world.components)
    parser = partial(parse, open_source=_none, inline_limit=INLINE)
    fetched = await cost(costs, "IMAP to events", retrieved(world))
    await cost(costs, "mail.fetched, written", published(settings, "poller", fetched))
    again = await cost(costs, "mail.fetched, read by the parser", read(settings, MAIL_FETCHED, len(fetched)))
    outcomes = await cost(costs, "parse", handled(parser, again))
    await cost(costs, "mail.parsed, .attachments, written", published(settings, "parser", outcomes))
    files = sum(isinstance(outcome, AttachmentExtracted) for outcome in outcomes)
    again = await cost(costs, "mail.fetched, read by attachments", read(settings, MAIL_FETCHED, len(fetched)))
    filed = await cost(costs, "messages into MinIO", handled(partial(file_messages, store=store), again))
    again = await cost(costs, "mail.attachments, read", read(settings, MAIL_ATTACHMENTS, files))
    filed += await cost(costs, "attachments into MinIO", handled(partial(file_attachments, store=store), again))
    await cost(costs, "mail.filed, written", published(settings, "attachments", filed))
    writer = PostgresWriter(engine_for(world.components.database_url))
    again = await cost(costs, "mail.parsed, read", read(settings, MAIL_PARSED, len(fetched)))
    await cost(costs, "rows of mail", written(writer, write_parsed, again))
    again = await cost(costs, "mail.filed, read", read(settings, MAIL_FILED, len(filed)))
    await cost(costs, "rows of objects", written(writer, write_filed, again))


def _none(*_: Any) -> Any:
    raise AssertionError("the benchmark's mail has no claim checks")


def main() -> int:
    """Print the CPU seconds of each step, the least time that follows from them, and the stack's own."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.floor", description=__doc__)
    arguments.add_argument("--messages", type=int, default=10_000)
    count = arguments.parse_args().messages
    print(f"{count} messages; {told()}")
    costs: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="mailweir-bench-", ignore_cleanup_errors=True) as home:
        with xfs(Path(home) / "minio" / "data"), stack(Path(home)) as world:
            world.deliver(list(messages(count)))
            asyncio.run(walk(world, costs))
        total, cores = sum(costs.values()), os.cpu_count() or 1
        print(f"floor      {total / cores:7.1f} s: {total:.1f} CPU s on {cores} cores")
        stack_home = Path(home) / "stack"
        stack_home.mkdir()
        wall, _ = on_the_stack(stack_home, count)
    print(f"stack      {wall:7.1f} s {wall / (total / cores):7.2f} x floor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
