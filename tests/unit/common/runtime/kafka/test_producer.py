"""What the publisher does without a broker: its memory bound and how it names failures."""

import asyncio
import gc

import pytest
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)

from services.common.contract.records import Record
from services.common.errors import ContractViolated, Unavailable
from services.common.runtime.kafka.producer import MAX_LETTER, ByteBudget, KafkaPublisher, check_size, translated
from services.common.runtime.kafka.settings import KafkaSettings
from tests.fakes.ports import closed_port


async def test_unconfirmed_octets_are_bounded_and_one_larger_piece_passes_alone() -> None:
    budget = ByteBudget(100)
    await budget.take(60)
    second = asyncio.create_task(budget.take(60))
    await asyncio.sleep(0)
    assert not second.done()
    budget.give(60)
    await second
    budget.give(60)
    await asyncio.wait_for(budget.take(5000), 1)
    third = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    assert not third.done()
    budget.give(5000)
    await third


def test_transient_failures_are_unavailable_and_the_rest_is_fatal() -> None:
    for error in (KafkaTimeoutError(), NotLeaderForPartitionError(), OutOfOrderSequenceNumber(), ConnectionError()):
        assert isinstance(translated(error), Unavailable)
    assert isinstance(translated(MessageSizeTooLargeError()), ContractViolated)
    fatal = ProducerFenced()
    assert translated(fatal) is fatal


def test_records_are_as_large_as_their_topics_take_and_letters_larger() -> None:
    for topic, most in (("mail.fetched", 1_048_588), ("mail.fetched.dlq", MAX_LETTER)):
        check_size(Record(topic, b"key", bytes(most - 3), ()))
        with pytest.raises(ContractViolated, match=r"record\.too-large"):
            check_size(Record(topic, b"key", bytes(most - 2), ()))
    with pytest.raises(ContractViolated, match=r"record\.too-large"):
        check_size(Record("mail.fetched.dlq", b"key", None, (("name", bytes(MAX_LETTER)),)))


async def test_without_a_broker_it_is_unavailable_and_can_be_asked_again() -> None:
    with closed_port() as port:
        publisher = KafkaPublisher(KafkaSettings(bootstrap=f"127.0.0.1:{port}", request_timeout=10), "poller")
        for _ in range(2):
            with pytest.raises(Unavailable, match="are the brokers up"):
                await publisher.start()
    await publisher.publish([])
    await publisher.stop()


async def test_a_producer_that_is_given_up_while_it_starts_is_closed() -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    reached = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        publisher = KafkaPublisher(KafkaSettings(bootstrap=f"127.0.0.1:{port}"), "poller")
        starting = asyncio.create_task(publisher.start())
        await reached.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await publisher.stop()
        del publisher, starting
        gc.collect()
    assert told == []
