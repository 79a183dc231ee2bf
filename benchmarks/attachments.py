"""The attachments service against bare minio-py with 16 threads: ``python -m benchmarks.attachments``.

The same kind of objects in the same run: 10 kB messages in batches of 64 into a real MinIO (promised: at least
0.9 x bare ``put_object``).
"""

import asyncio
import hashlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from infra.local import cluster
from services.attachments.handlers import file_messages
from services.common.events import MessageFetched
from services.common.place import Place
from services.common.stores.s3 import S3Store, connect

RATIO = 0.9
SIZE, BATCH, BATCHES, ROUNDS, THREADS = 10_240, 64, 10, 3, 16


def _events(seed: int) -> list[MessageFetched]:
    chance = random.Random(seed)
    return [_event(chance, number) for number in range(BATCH * BATCHES)]


def _event(chance: random.Random, number: int) -> MessageFetched:
    head = f"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nSubject: number {number}\r\n\r\n".encode()
    raw = head + chance.randbytes(SIZE - len(head))
    place = Place(account="bench", folder="INBOX", folderid="f", uidvalidity=1, uid=number + 1)
    sha256 = hashlib.sha256(raw).hexdigest()
    return MessageFetched(place=place, contentsha256=sha256, internaldate=None, size=len(raw), body=raw)


def _bare(components: cluster.Cluster, events: Sequence[MessageFetched]) -> float:
    client = connect(components.s3_endpoint, *components.s3_keys)

    def put(event: MessageFetched) -> None:
        assert isinstance(event.body, bytes)
        client.put_object(
            "mailweir", f"bare/{event.contentsha256}.eml", BytesIO(event.body), event.size, "message/rfc822"
        )

    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(put, events))
    return len(events) / (time.perf_counter() - start)


async def _ours(store: S3Store, events: Sequence[MessageFetched]) -> float:
    start = time.perf_counter()
    for first in range(0, len(events), BATCH):
        await file_messages(events[first : first + BATCH], store=store)
    return len(events) / (time.perf_counter() - start)


def run() -> dict[str, float]:
    """Best of all rounds in objects per second, and their ratio."""
    pairs = []
    with tempfile.TemporaryDirectory() as home, cluster.running({"minio"}, home=Path(home)) as components:
        store = S3Store(connect(components.s3_endpoint, *components.s3_keys), "mailweir")
        store.ensure_bucket()
        for number in range(ROUNDS):
            ours = asyncio.run(_ours(store, _events(10 + number)))
            pairs.append((_bare(components, _events(50 + number)), ours))
    bare, ours = (max(side) for side in zip(*pairs, strict=True))
    return {"bare_objects_s": round(bare), "service_objects_s": round(ours), "ratio": round(ours / bare, 2)}


if __name__ == "__main__":
    result = run()
    print(json.dumps(result))
    sys.exit(0 if result["ratio"] >= RATIO else 1)
