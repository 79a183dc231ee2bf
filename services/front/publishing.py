"""Where a command's events go: through the embedded services, or to Kafka when the stack's environment is set."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from socket import socket

from services.common.collector import settle
from services.common.contract.records import Record
from services.common.errors import ContractViolated, Unavailable
from services.common.service import Publisher
from services.common.settings import FromEnvironment, Settings, check
from services.front.context import Context

Send = Callable[[Record], Awaitable[None]]


def check_settings(*more: type[FromEnvironment]) -> None:
    """Look at all settings that retrieving reads, and ``more``, before anything is opened.

    Raises ConfigurationError with all that is wrong.
    """
    from services.poller.settings import PollerSettings

    if os.environ.get("MAILWEIR_KAFKA"):
        from services.common.runtime.kafka.settings import KafkaSettings

        check(Settings, PollerSettings, KafkaSettings, *more)
        return
    from services.attachments.settings import AttachmentsSettings
    from services.parser.settings import ParserSettings
    from services.storer.settings import StorerSettings

    check(Settings, PollerSettings, ParserSettings, AttachmentsSettings, StorerSettings, *more)


@asynccontextmanager
async def publishing(context: Context, helper: socket | None = None) -> AsyncIterator[Publisher]:
    """A publisher while the block runs; embedded it shares the work with a ``helper`` (ADR 0015).

    Raises ``Unavailable`` when Kafka does not answer at the start.
    """
    settle()
    if context.embedded:
        from services.common.runtime.helper import helped
        from services.front.embedded import publisher

        if helper is None:
            yield publisher(context)
            return
        async with helped(publisher(context), helper) as shared:
            yield shared
        return
    from services.common.runtime.kafka.producer import KafkaPublisher
    from services.common.runtime.kafka.settings import KafkaSettings
    from services.common.settings import read

    kafka = KafkaPublisher(read(KafkaSettings), "poller")
    await kafka.start()
    try:
        yield kafka
    finally:
        await kafka.stop()


@asynccontextmanager
async def republishing() -> AsyncIterator[Send]:
    """While the block runs, what writes a record to its topic as it is: original key, value and headers.

    One that its topic takes only without the mark of a replay goes without.

    Raises ``Unavailable`` when Kafka does not answer, at the start or to a record, and ``ContractViolated`` for one
    that its topic does not take.
    """
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import MessageSizeTooLargeError

    from services.common.dead_letters import REPLAY
    from services.common.runtime.kafka.producer import MAX_LETTER
    from services.common.runtime.kafka.settings import KafkaSettings
    from services.common.settings import read

    settings = read(KafkaSettings)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap.split(","),
        enable_idempotence=True,
        acks="all",
        compression_type=settings.codec,
        max_request_size=MAX_LETTER,
    )

    async def send(record: Record) -> None:
        topic = settings.topic_prefix + record.topic
        marked, bare = record.headers, [header for header in record.headers if header[0] != REPLAY]
        with _kafka():
            try:
                await producer.send_and_wait(topic, record.value, record.key, headers=list(marked))
            except MessageSizeTooLargeError:
                await producer.send_and_wait(topic, record.value, record.key, headers=bare)

    try:
        with _kafka():
            await producer.start()
        yield send
    finally:
        await producer.stop()


@contextmanager
def _kafka() -> Iterator[None]:
    from aiokafka.errors import KafkaError, MessageSizeTooLargeError

    try:
        yield
    except MessageSizeTooLargeError as error:
        raise ContractViolated(
            "record.too-large", "its topic takes no record of this size; it can be dropped"
        ) from error
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka does not take the record ({type(error).__name__}); try again") from error
