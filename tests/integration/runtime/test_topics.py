"""The job that makes topics, on topics that an older version made: real Kafka."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.local.cluster import Cluster
from services.common.topics_admin import Changes, create, wanted


async def settings_of(bootstrap: str, topic: str) -> dict[str, str]:
    """What is set on the topic itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        (found,) = answer.to_object()["resources"]
        return {
            each["config_names"]: each["config_value"] for each in found["config_entries"] if each["config_source"] == 1
        }
    finally:
        await admin.close()


async def test_topics_of_an_older_version_take_as_large_records_as_new_ones(components: Cluster) -> None:
    asked = wanted(prefix="older.")
    letters, larger = "older.mail.fetched.dlq", "older.mail.parsed.dlq"
    kept = {"retention.ms": "86400000", "segment.bytes": "33554432"}
    older = {letters: kept | {"max.message.bytes": "1048588"}, larger: {"max.message.bytes": "9000000"}}
    await create(components.kafka, [NewTopic(name, 2, 1, topic_configs=own) for name, own in older.items()])
    done = await create(components.kafka, asked)
    assert set(done.created) == {topic.name for topic in asked} - set(older)
    assert done.raised == (letters,)
    assert "larger records allowed on older.mail.fetched.dlq" in str(done)
    assert await settings_of(components.kafka, letters) == kept | {"max.message.bytes": "1114124"}
    assert await settings_of(components.kafka, larger) == older[larger]
    again = await create(components.kafka, asked)
    assert (again, str(again)) == (Changes((), ()), "all topics are there")
