"""Create the topics of ``schemas/asyncapi.yaml`` on a broker; only this job does, never a service.

``python -m services.common.topics_admin HOST:PORT`` or ``mailweir topics``. Existing topics are left as they are.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from services.common.errors import Incomplete, MailweirError, Unavailable

ASYNCAPI = Path(__file__).parents[2] / "schemas" / "asyncapi.yaml"
_LEADERS_WITHIN = 30.0
_LOOK = 0.2


def wanted(document: Path = ASYNCAPI, prefix: str = "") -> list[NewTopic]:
    """The topics of an AsyncAPI 3 document with its Kafka bindings."""
    channels = yaml.safe_load(document.read_text("utf-8"))["channels"]
    return [_topic(channel, prefix) for channel in channels.values()]


def _topic(channel: dict[str, Any], prefix: str) -> NewTopic:
    kafka = channel["bindings"]["kafka"]
    configuration = {name: _text(value) for name, value in kafka.get("topicConfiguration", {}).items()}
    return NewTopic(prefix + channel["address"], kafka["partitions"], kafka["replicas"], topic_configs=configuration)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


async def create(
    bootstrap: str, topics: Sequence[NewTopic] | None = None, within: float = _LEADERS_WITHIN
) -> list[str]:
    """Create the topics that the broker lacks and wait until each has leaders; the names of the new ones.

    Raises:
        Unavailable: the broker does not answer.
        Incomplete: a topic could not be made, or had no leader in time.

    """
    asked = list(wanted() if topics is None else topics)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","), request_timeout_ms=10_000)
    try:
        await admin.start()
        there = set(await admin.list_topics())
        lacking = [topic for topic in asked if topic.name not in there]
        if lacking:
            _check(await admin.create_topics(lacking))
        await _leaders(admin, [topic.name for topic in asked], within)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {bootstrap} does not answer: {type(error).__name__}") from error
    finally:
        await admin.close()
    return [topic.name for topic in lacking]


def _check(response: Any) -> None:
    for topic, code, *_ in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise Incomplete(f"topic {topic} could not be created: {for_code(code).__name__}")


async def _leaders(admin: AIOKafkaAdminClient, names: list[str], within: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while waiting := [found["topic"] for found in await admin.describe_topics(names) if not _led(found)]:
        if loop.time() > end:
            raise Incomplete(f"no leader after {within:.0f} s for {', '.join(waiting)}")
        await asyncio.sleep(_LOOK)


def _led(found: dict[str, Any]) -> bool:
    partitions = found["partitions"]
    return not found["error_code"] and bool(partitions) and all(part["leader"] >= 0 for part in partitions)


def main(arguments: Sequence[str]) -> int:
    """Create the topics on the brokers named by the one argument."""
    if len(arguments) != 1:
        print("usage: python -m services.common.topics_admin HOST:PORT[,HOST:PORT...]", file=sys.stderr)
        return 2
    try:
        created = asyncio.run(create(arguments[0]))
    except MailweirError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"created {', '.join(created)}" if created else "all topics are there")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
