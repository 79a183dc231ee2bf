"""What a service waits for before its first batch: its own needs, and Kafka with the topics."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from services.common.errors import Unavailable
from services.common.health import Health
from services.common.retry import delays, until_available
from services.common.runtime.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)


async def is_there(
    source: str, look: Callable[[], Awaitable[object]], settings: KafkaSettings, health: Health, stop: asyncio.Event
) -> bool:
    """Look until nothing is ``Unavailable``, health red by ``source`` meanwhile; False when told to stop first."""

    def failed(failure: Unavailable, wait: float) -> None:
        health.red(source, str(failure))
        log.warning("waiting: %s", failure, extra={"seconds": round(wait, 2)})

    looking = asyncio.create_task(until_available(look, failed, delays(settings.retry_base, settings.retry_cap)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not looking.done():
        looking.cancel()
        return False
    looking.result()
    health.green(source)
    return True
