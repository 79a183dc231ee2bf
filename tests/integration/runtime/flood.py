"""``python -m tests.integration.runtime.flood BROKERS PREFIX``: publishes without end, three groups side by side."""

import asyncio
import itertools
import os
import sys

from services.common.errors import Unavailable
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.settings import KafkaSettings
from tests.integration.runtime.lab import fetched

REQUEST_TIMEOUT = 2.0
_GROUP, _OCTETS = 20, 1_000  # a request that is half in the socket when the process stops goes out
_RESTS = (0.01, 0.02, 0.05)  # seconds: while one group is on its way, the next ones wait


async def flood(brokers: str, prefix: str) -> None:
    settings = KafkaSettings(
        bootstrap=brokers, topic_prefix=prefix, request_timeout=REQUEST_TIMEOUT, session_timeout=REQUEST_TIMEOUT
    )
    publisher, uids = KafkaPublisher(settings, "poller"), itertools.count(1)

    async def publish(rest: float) -> None:
        while True:
            await asyncio.sleep(rest)
            group = [fetched(uid, os.urandom(_OCTETS)) for uid in itertools.islice(uids, _GROUP)]
            try:
                await publisher.publish(group)
            except Unavailable:
                continue

    await asyncio.gather(*map(publish, _RESTS))


if __name__ == "__main__":
    asyncio.run(flood(*sys.argv[1:]))
