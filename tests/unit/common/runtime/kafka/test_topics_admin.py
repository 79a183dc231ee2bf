"""Topics as the job will create them, from the published document."""

import pytest

from services.common.errors import Unavailable
from services.common.runtime.kafka.topics_admin import create, main, wanted
from services.common.topics import ALL_TOPICS
from tests.fakes.ports import closed_port


def test_every_topic_of_ours_is_made_with_its_retention() -> None:
    made = {topic.name: topic for topic in wanted()}
    assert set(made) == {topic.name for topic in ALL_TOPICS}
    for topic in ALL_TOPICS:
        assert made[topic.name].num_partitions == topic.partitions
        assert made[topic.name].topic_configs["retention.ms"] == str(topic.retention_ms)
        assert made[topic.name].topic_configs["cleanup.policy"] == "delete"


async def test_a_broker_that_does_not_answer_is_named() -> None:
    with closed_port() as port, pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} does not answer"):
        await create(f"127.0.0.1:{port}")


def test_the_command_wants_one_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
