"""The publisher of the poller on a real broker: confirmed means there, an outage means Unavailable and then goes on."""

import asyncio
from functools import partial

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.local.cluster import Cluster
from services.common.errors import ContractViolated, Unavailable
from services.common.runtime.kafka.producer import KafkaPublisher
from tests.integration.runtime.lab import READ, Lab, fetched

IMPATIENT = {"session_timeout": 2.0, "request_timeout": 2.0}


async def test_what_is_confirmed_is_there_whoever_publishes_beside_it(lab: Lab) -> None:
    publisher = KafkaPublisher(lab.settings.model_copy(update={"in_flight_bytes": 1024 * 1024}), "poller")
    bodies = bytes(range(256)) * 400  # 100 kB each: more than the memory bound in all
    batches = [[fetched(10 * batch + number, bodies) for number in range(10)] for batch in range(8)]
    try:
        await asyncio.gather(*(publisher.publish(batch) for batch in batches))
        records = await lab.records(READ.name)
        assert sorted(record.key for record in records) == sorted(
            event.place.subject.encode() for batch in batches for event in batch
        )
        assert {record.value for record in records} == {bodies}
        with pytest.raises(ContractViolated, match=r"record\.too-large"):
            await publisher.publish([fetched(500, b"x" * 1_048_600)])
        await publisher.publish([fetched(501)])
    finally:
        await publisher.stop()


async def test_an_outage_is_unavailable_and_the_same_publisher_goes_on_after_it(lab: Lab, components: Cluster) -> None:
    publisher = KafkaPublisher(lab.settings.model_copy(update=IMPATIENT), "poller")
    try:
        await again(publisher, 1)
        components.kill("kafka")
        for _ in range(2):
            with pytest.raises(Unavailable, match="are the brokers up"):
                await publisher.publish([fetched(2)])
        components.start("kafka")
        await again(publisher, 3)
        assert {record.key for record in await lab.records(READ.name)} >= {
            fetched(uid).place.subject.encode() for uid in (1, 3)
        }
    finally:
        await publisher.stop()


async def test_clocks_that_differ_are_told_and_waited_for(lab: Lab) -> None:
    """By default brokers refuse what is an hour ahead of them; here what is a millisecond behind."""
    publisher = KafkaPublisher(lab.settings, "poller")
    try:
        await publisher.publish([fetched(1)])
        await set_limit(lab, "1")
        await lab.until("they are told", partial(refused, publisher, "its clock and the brokers' differ"))
        await set_limit(lab, "3600000")
        await again(publisher, 3)
    finally:
        await publisher.stop()


async def refused(publisher: KafkaPublisher, why: str) -> bool:
    try:
        await publisher.publish([fetched(2)])
    except Unavailable as failure:
        return why in str(failure)
    return False


async def set_limit(lab: Lab, milliseconds: str) -> None:
    """How old records of the topic may be; back when the broker does it."""
    resource = ConfigResource(ConfigResourceType.TOPIC, lab.prefix + READ.name)
    resource.configs = {"message.timestamp.before.max.ms": milliseconds}
    admin = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def again(publisher: KafkaPublisher, uid: int) -> None:
    """What the poller does: try until Kafka answers."""
    end = asyncio.get_running_loop().time() + 120
    while True:
        try:
            return await publisher.publish([fetched(uid)])
        except Unavailable:
            assert asyncio.get_running_loop().time() < end


async def test_a_topic_that_nobody_created_is_unavailable(lab: Lab) -> None:
    settings = lab.settings.model_copy(update=IMPATIENT | {"topic_prefix": f"{lab.prefix}none."})
    publisher = KafkaPublisher(settings, "poller")
    try:
        with pytest.raises(Unavailable, match="topics created"):
            await publisher.publish([fetched(1)])
    finally:
        await publisher.stop()
