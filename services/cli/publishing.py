"""Where a command's events go: through the embedded services, or to Kafka when the stack's environment is set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.cli.context import Context
from services.common.service import Publisher


@asynccontextmanager
async def publishing(context: Context) -> AsyncIterator[Publisher]:
    """A publisher while the block runs. Raises ``Unavailable`` when Kafka does not answer at the start."""
    if context.embedded:
        from services.cli.embedded import publisher

        yield publisher(context)
        return
    from services.common.runtime.kafka_settings import KafkaSettings
    from services.common.runtime.producer import KafkaPublisher
    from services.common.settings import read

    kafka = KafkaPublisher(read(KafkaSettings), "poller")
    await kafka.start()
    try:
        yield kafka
    finally:
        await kafka.stop()
