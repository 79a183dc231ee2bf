"""Publishing and consuming 10 kB messages against bare aiokafka in the same run: ``python -m benchmarks.kafka``.

Design section 14: the publisher reaches at least 0.8 x a bare idempotent producer (encoding of the contract included,
every delivery awaited). Shown beside it: the same without waiting between batches, a bare producer with our batch size
and compression, and the whole consumer runtime (Faust, decoding, acknowledging) with a handler that does nothing.
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

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from infra.local import cluster
from services.common import topics
from services.common.events import Event, MessageFetched
from services.common.health import Health
from services.common.place import Place
from services.common.runtime import kafka
from services.common.runtime.kafka_settings import KafkaSettings
from services.common.runtime.producer import KafkaPublisher
from services.common.service import Batch, Outcome, Service, Subscription
from services.common.topics_admin import create

COUNT, SIZE, BATCH, ROUNDS = 3000, 10_240, 100, 3
RATIO, CONSUMED = 0.8, 1000


def _messages() -> list[MessageFetched]:
    """Words that compress about like mail does, the same in every run."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(3000)]
    return [_message(uid, " ".join(chance.choices(words, k=2000)).encode()[:SIZE]) for uid in range(COUNT)]


def _message(uid: int, body: bytes) -> MessageFetched:
    place = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=uid)
    return MessageFetched(place=place, contentsha256=f"{uid:064x}", internaldate=None, size=SIZE, body=body)


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
    await kafka.run(service, settings, health=Health("bench"), stop=stop)
    return (expected - seen[0][1]) / (seen[-1][0] - seen[0][0])


async def _best(measure: Callable[[], Awaitable[float]]) -> float:
    return max([await measure() for _ in range(ROUNDS)])


async def _run(bootstrap: str) -> dict[str, float]:
    settings = KafkaSettings(bootstrap=bootstrap, topic_prefix=f"bench{uuid.uuid4().hex[:6]}.")
    await create(bootstrap, [NewTopic(settings.topic_prefix + topics.MAIL_FETCHED.name, 6, 1)])
    messages = _messages()
    same = {"max_batch_size": settings.batch_bytes, "compression_type": settings.compression}
    bare = await _best(lambda: _bare(settings, messages))
    alike = await _best(lambda: _bare(settings, messages, **same))
    at_once = await _best(lambda: _ours(settings, messages, COUNT))
    batches = await _best(lambda: _ours(settings, messages, BATCH))
    fresh = settings.model_copy(update={"topic_prefix": f"bench{uuid.uuid4().hex[:6]}."})
    await create(bootstrap, [NewTopic(fresh.topic_prefix + topics.MAIL_FETCHED.name, 6, 1)])
    await _ours(fresh, messages, COUNT)
    consumed = await _consumed(fresh, COUNT)
    return {
        "bare_per_s": round(bare),
        "bare_same_settings_per_s": round(alike),
        "publisher_at_once_per_s": round(at_once),
        "publisher_in_batches_per_s": round(batches),
        "ratio": round(batches / bare, 2),
        "ratio_same_settings": round(at_once / alike, 2),
        "runtime_consumes_per_s": round(consumed),
    }


def main() -> int:
    """Print the figures; 1 when the publisher is below its ratio or the runtime below its rate."""
    with tempfile.TemporaryDirectory() as folder, cluster.running({"kafka"}, Path(folder)) as components:
        figures = asyncio.run(_run(components.kafka))
    print(json.dumps(figures))
    return int(figures["ratio"] < RATIO or figures["runtime_consumes_per_s"] < CONSUMED)


if __name__ == "__main__":
    sys.exit(main())
