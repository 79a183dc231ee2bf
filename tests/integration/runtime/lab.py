"""What the tests of the runtime need: topics of their own, messages, workers as processes, and looks at the result."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from services.common import topics
from services.common.events import MessageFetched
from services.common.health import path_of
from services.common.place import Place
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.topics_admin import create, wanted

PARTITIONS = 4
QUICK = {"session_timeout": 10, "commit_interval": 0.2, "probe_interval": 0.5, "retry_base": 0.1, "retry_cap": 0.5}
MANY = range(1, 3001)  # UIDs that a worker is busy with for a while
READ, WRITTEN = topics.MAIL_FETCHED, topics.MAIL_FILED
ROOT = Path(__file__).parents[3]


def fetched(uid: int, body: bytes = b"x") -> MessageFetched:
    place = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=uid)
    return MessageFetched(place=place, contentsha256=f"{uid:064x}", internaldate=None, size=len(body), body=body)


@dataclass
class Lab:
    """Topics and a consumer group that nobody else uses, and a folder for the workers' sink and switches."""

    bootstrap: str
    folder: Path
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}.")
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    async def make_topics(self) -> None:
        names = (READ.name, READ.dead_letters, WRITTEN.name)
        settings = {topic.name: topic.topic_configs for topic in wanted()}
        made = [NewTopic(self.prefix + name, PARTITIONS, 1, topic_configs=settings[name]) for name in names]
        await create(self.bootstrap, made)

    @property
    def settings(self) -> KafkaSettings:
        return KafkaSettings(bootstrap=self.bootstrap, topic_prefix=self.prefix)

    async def publish(self, uids: range, body: bytes = b"x") -> None:
        publisher = KafkaPublisher(self.settings, "poller")
        try:
            await publisher.publish([fetched(uid, body) for uid in uids])
        finally:
            await publisher.stop()

    def worker(self, **settings: float) -> "subprocess.Popen[bytes]":
        """Start a worker; ``settings`` are those of the Kafka runtime, quick by default."""
        environment = {
            "MAILWEIR_KAFKA": self.bootstrap,
            "MAILWEIR_HOME": str(self.folder),
            "MAILWEIR_KAFKA_TOPIC_PREFIX": self.prefix,
            **{f"MAILWEIR_KAFKA_{name.upper()}": str(value) for name, value in (QUICK | settings).items()},
        }
        with (self.folder / f"log{len(self.workers)}").open("wb") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.runtime.worker", str(self.folder)],
                cwd=ROOT,
                env=os.environ | environment,
                stderr=log,
            )
        self.workers.append(started)
        return started

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()

    def switch(self, name: str, text: str = "") -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text)
        fresh.rename(self.folder / name)  # a worker that looks meanwhile must not find half of it

    def release(self, name: str) -> None:
        (self.folder / name).unlink()

    def seen(self) -> list[int]:
        """UIDs in the order in which the sink got them, repeats and all."""
        sink = self.folder / "sink"
        return [int(line.split()[1]) for line in sink.read_text().splitlines()] if sink.exists() else []

    def seen_by(self, worker: "subprocess.Popen[bytes]") -> int:
        sink = self.folder / "sink"
        own = f"{worker.pid} "
        return sum(line.startswith(own) for line in sink.read_text().splitlines()) if sink.exists() else 0

    def health(self) -> Mapping[str, Any]:
        path = path_of(self.folder, "sink")
        found: Mapping[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def logs(self, *, whole: bool = False) -> str:
        """What the workers said, the end of each or all."""
        said = [path.read_text() for path in sorted(self.folder.glob("log*"))]
        return "\n".join(said if whole else [text[-3000:] for text in said])

    async def committed(self) -> int:
        """Records of the read topic that the group has committed, over all partitions."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            return sum(
                found.offset for found in (await admin.list_consumer_group_offsets(f"{self.prefix}sink")).values()
            )
        finally:
            await admin.close()

    async def records(self, topic: str) -> list[Any]:
        """All records that a topic holds now."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = [TopicPartition(self.prefix + topic, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found: list[Any] = []
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += batch
            return found
        finally:
            await consumer.stop()

    async def until(self, what: str, condition: Callable[[], Any], within: float = 120) -> None:
        """Poll until the condition (plain or async) holds."""
        end = asyncio.get_running_loop().time() + within
        while True:
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
            assert asyncio.get_running_loop().time() < end, f"{what}: not within {within} s\n{self.logs()}"
            await asyncio.sleep(0.1)

    async def until_committed(self, records: int) -> None:
        """Poll until the group has committed so many records, no more and no fewer."""

        async def reached() -> bool:
            return await self.committed() == records

        await self.until(f"{records} are committed", reached)

    async def ended(self, worker: "subprocess.Popen[bytes]", within: float = 120) -> int:
        await self.until("the worker ends", lambda: worker.poll() is not None, within)
        return worker.wait()

    async def complete(self, uids: range) -> None:
        """Everything arrived at the sink and in the output topic, and all is committed."""
        await self.until("all at the sink", lambda: set(self.seen()) >= set(uids))
        await self.until_committed(len(uids))
        assert {record.key for record in await self.records(WRITTEN.name)} == {
            fetched(uid).place.subject.encode() for uid in uids
        }

    async def stopped(self, worker: "subprocess.Popen[bytes]") -> None:
        """Tell a worker to stop; it must do so cleanly."""
        worker.send_signal(signal.SIGTERM)
        assert await self.ended(worker) == 0, self.logs()
