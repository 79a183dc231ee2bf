"""Publishing and consuming 10 kB messages against bare aiokafka in the same run: ``python -m benchmarks.kafka``.

Design section 14: the publisher reaches at least 0.8 x a bare idempotent producer (encoding of the contract included,
every delivery awaited). Shown beside it: the same without waiting between batches, a bare producer with our batch size
and compression, and the whole consumer runtime (Faust, decoding, acknowledging) with a handler that does nothing.

Last what compression costs on mixed mail: CPU of ours and of the broker for a message that is published once and read
once, and its size on the broker's disk. CPU and not time, as a machine may be shared; the least of all rounds.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from benchmarks.mail import messages
from infra.local import cluster
from infra.local.program import Program
from services.common import topics
from services.common.events import Event, MessageFetched
from services.common.health import Health
from services.common.place import Place
from services.common.runtime.kafka import worker
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.topics_admin import create
from services.common.service import Batch, Outcome, Service, Subscription

COUNT, SIZE, BATCH, ROUNDS = 3000, 10_240, 100, 3
RATIO, CONSUMED = 0.8, 1000
MIXED = 1500
COMPRESSIONS = ("zstd", "none")


def _messages() -> list[MessageFetched]:
    """Words that compress about like mail does, the same in every run."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(3000)]
    return [_message(uid, " ".join(chance.choices(words, k=2000)).encode()[:SIZE]) for uid in range(COUNT)]


def _message(uid: int, body: bytes) -> MessageFetched:
    place = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=uid)
    return MessageFetched(place=place, contentsha256=f"{uid:064x}", internaldate=None, size=len(body), body=body)


async def _bare(settings: KafkaSettings, messages: Sequence[MessageFetched], **options: Any) -> float:
    """Messages per second of a bare idempotent producer, all deliveries awaited at the end."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap, enable_idempotence=True, acks="all", linger_ms=5, **options
    )
    await producer.start()
    topic = settings.topic_prefix + topics.MAIL_FETCHED.name
    start = time.perf_counter()
    sent = [await producer.send(topic, event.body, key=event.place.subject.encode()) for event in messages]
    await asyncio.gather(*sent)
    rate = len(messages) / (time.perf_counter() - start)
    await producer.stop()
    return rate


async def _ours(settings: KafkaSettings, messages: Sequence[MessageFetched], batch: int) -> float:
    """Messages per second of the publisher, each batch confirmed before the next one."""
    publisher = KafkaPublisher(settings, "poller")
    await publisher.start()
    start = time.perf_counter()
    for first in range(0, len(messages), batch):
        await publisher.publish(messages[first : first + batch])
    rate = len(messages) / (time.perf_counter() - start)
    await publisher.stop()
    return rate


async def _consumed(settings: KafkaSettings, expected: int) -> float:
    """Messages per second through the runtime, from the first batch to the last."""
    stop = asyncio.Event()
    seen: list[tuple[float, int]] = []

    async def count(batch: Sequence[Event]) -> Sequence[Outcome]:
        seen.append((time.perf_counter(), len(batch)))
        if sum(size for _, size in seen) >= expected:
            stop.set()
        return []

    service = Service("bench", [Subscription(topics.MAIL_FETCHED, count, Batch(BATCH))])
    await worker.run(service, settings, health=Health("bench"), stop=stop)
    return (expected - seen[0][1]) / (seen[-1][0] - seen[0][0])


async def _best(measure: Callable[[], Awaitable[float]]) -> float:
    return max([await measure() for _ in range(ROUNDS)])


async def _fresh(settings: KafkaSettings) -> KafkaSettings:
    """The same settings with a topic of their own."""
    fresh = settings.model_copy(update={"topic_prefix": f"bench{uuid.uuid4().hex[:6]}."})
    await create(fresh.bootstrap, [NewTopic(fresh.topic_prefix + topics.MAIL_FETCHED.name, 6, 1)])
    return fresh


async def _cost(settings: KafkaSettings, mail: Sequence[MessageFetched], broker: "Broker") -> dict[str, float]:
    """Microseconds of CPU a message, ours and the broker's, and octets on its disk."""
    fresh = await _fresh(settings)
    before, ours = broker.cpu(), time.process_time()
    await _ours(fresh, mail, BATCH)
    await _consumed(fresh, len(mail))
    spent = {"ours_us": time.process_time() - ours, "broker_us": broker.cpu() - before}
    costs = {name: seconds / len(mail) * 1e6 for name, seconds in spent.items()}
    return costs | {"octets": broker.octets(fresh.topic_prefix) / len(mail)}


async def _compressions(settings: KafkaSettings, broker: "Broker") -> dict[str, dict[str, int]]:
    """The least cost of each compression; they take turns, so that what disturbs one disturbs the other."""
    mail = [_message(uid, raw) for uid, raw in enumerate(messages(MIXED), 1)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in COMPRESSIONS}
    for _ in range(ROUNDS):
        for name, costs in found.items():
            costs.append(await _cost(settings.model_copy(update={"compression": name}), mail, broker))
    return {name: {key: round(min(cost[key] for cost in costs)) for key in costs[0]} for name, costs in found.items()}


class Broker:
    """What the broker's process has taken so far."""

    def __init__(self, program: Program) -> None:
        self._process = psutil.Process(int(program.pid_file.read_text().split()[0]))
        self._data = program.folder / "data"

    def cpu(self) -> float:
        """CPU seconds."""
        return float(sum(self._process.cpu_times()[:2]))

    def octets(self, prefix: str) -> int:
        """Size of the logs of all topics that begin so."""
        return sum(log.stat().st_size for log in self._data.glob(f"{prefix}*/*.log"))


async def _run(components: cluster.Cluster) -> dict[str, Any]:
    settings = await _fresh(KafkaSettings(bootstrap=components.kafka))
    mail = _messages()
    same = {"max_batch_size": settings.batch_bytes, "compression_type": settings.compression}
    bare = await _best(lambda: _bare(settings, mail))
    alike = await _best(lambda: _bare(settings, mail, **same))
    at_once = await _best(lambda: _ours(settings, mail, COUNT))
    batches = await _best(lambda: _ours(settings, mail, BATCH))
    fresh = await _fresh(settings)
    await _ours(fresh, mail, COUNT)
    consumed = await _consumed(fresh, COUNT)
    return {
        "bare_per_s": round(bare),
        "bare_same_settings_per_s": round(alike),
        "publisher_at_once_per_s": round(at_once),
        "publisher_in_batches_per_s": round(batches),
        "ratio": round(batches / bare, 2),
        "ratio_same_settings": round(at_once / alike, 2),
        "runtime_consumes_per_s": round(consumed),
        "a_mixed_message_costs": await _compressions(settings, Broker(components.programs["kafka"])),
    }


def main() -> int:
    """Print the figures; 1 when the publisher is below its ratio or the runtime below its rate."""
    with tempfile.TemporaryDirectory() as folder, cluster.running({"kafka"}, Path(folder)) as components:
        figures = asyncio.run(_run(components))
    print(json.dumps(figures))
    return int(figures["ratio"] < RATIO or figures["runtime_consumes_per_s"] < CONSUMED)


if __name__ == "__main__":
    sys.exit(main())
