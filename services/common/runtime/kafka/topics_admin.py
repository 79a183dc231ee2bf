"""Create the topics of ``schemas/asyncapi.yaml`` on a broker; only this job does, never a service.

``mailweir topics`` or ``python -m services.common.runtime.kafka.topics_admin HOST:PORT``. Existing topics are left as
they are, but one that takes only smaller records than the document says is let take them (dead letters need more than
their records).
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from msgspec import Struct

from services.common.environment import unknown
from services.common.errors import Incomplete, MailweirError, Unavailable
from services.common.runtime.kafka import group_memory
from services.common.runtime.kafka.settings import TopicSettings
from services.common.settings import read

ASYNCAPI = Path(__file__).parents[4] / "schemas" / "asyncapi.yaml"
_LEADERS_WITHIN = 30.0
_LOOK = 0.2
_LARGEST = "max.message.bytes"
_ON_TOPIC = 1  # config_source of DescribeConfigs (KIP-226): said for this topic, not a default


class Changes(Struct, frozen=True):
    """Names of the topics that were made, and of those that take larger records now; what to change on the brokers."""

    created: tuple[str, ...]
    raised: tuple[str, ...]
    advice: str = ""

    def __str__(self) -> str:
        """In words, for people."""
        said = [f"created {', '.join(self.created)}"] if self.created else []
        said += [f"larger records allowed on {', '.join(self.raised)}"] if self.raised else []
        return "; ".join([*(said or ["all topics are there"]), *([self.advice] if self.advice else [])])


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


async def create(bootstrap: str, topics: Sequence[NewTopic] | None = None, within: float = _LEADERS_WITHIN) -> Changes:
    """Create the topics that the broker lacks, raise the limits of the others, wait until each has leaders.

    Without ``topics``: ours, called as MAILWEIR_KAFKA_TOPIC_PREFIX says.

    Raises:
        Unavailable: the broker does not answer.
        Incomplete: a topic could not be made or changed, or had no leader in time.

    """
    asked = list(wanted(prefix=read(TopicSettings).topic_prefix) if topics is None else topics)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","), request_timeout_ms=10_000)
    try:
        await admin.start()
        there = set(await admin.list_topics())
        lacking = [topic for topic in asked if topic.name not in there]
        if lacking:
            _check(await admin.create_topics(lacking))
        await _none(partial(_leaderless, admin, [topic.name for topic in asked]), within, "no leader")
        raised = await _raise_limits(admin, [topic for topic in asked if topic.name in there], within)
        advised = await group_memory.advice(admin, [topic.name for topic in asked])
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {bootstrap} does not answer: {type(error).__name__}") from error
    finally:
        await admin.close()
    return Changes(tuple(topic.name for topic in lacking), tuple(raised), advised)


def _check(response: Any) -> None:
    for topic, code, *_ in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise Incomplete(f"topic {topic} could not be created: {for_code(code).__name__}")


async def _raise_limits(admin: AIOKafkaAdminClient, topics: Sequence[NewTopic], within: float) -> list[str]:
    """Let each topic take records as large as asked; the names of those that took only smaller ones."""
    asked = {topic.name: int(topic.topic_configs[_LARGEST]) for topic in topics if _LARGEST in topic.topic_configs}
    small = await _small(admin, asked)
    if small:
        _resources(await admin.alter_configs([_resource(name, settings) for name, settings in small.items()]))
        await _none(partial(_small, admin, asked), within, f"still a lower {_LARGEST}")
    return list(small)


async def _small(admin: AIOKafkaAdminClient, asked: Mapping[str, int]) -> dict[str, dict[str, str]]:
    """The topics whose records must be smaller than asked, with the settings that they should have.

    aiokafka knows only the call that replaces all settings of a topic, so what somebody set is among them.
    """
    found = _resources(await admin.describe_configs([_resource(name) for name in asked])) if asked else []
    settings = {topic["resource_name"]: topic["config_entries"] for topic in found}
    return {
        name: _own(entries) | {_LARGEST: str(asked[name])}
        for name, entries in settings.items()
        if any(entry["config_names"] == _LARGEST and int(entry["config_value"]) < asked[name] for entry in entries)
    }


def _own(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {entry["config_names"]: entry["config_value"] for entry in entries if entry["config_source"] == _ON_TOPIC}


def _resource(name: str, settings: dict[str, str] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, name, settings)


def _resources(answers: Sequence[Any]) -> list[dict[str, Any]]:
    """What a broker says of each topic. Raises Incomplete when it refuses."""
    found: list[dict[str, Any]] = [each for answer in answers for each in answer.to_object()["resources"]]
    for each in found:
        if each["error_code"]:
            why = for_code(each["error_code"]).__name__
            raise Incomplete(f"{_LARGEST} of topic {each['resource_name']} could not be looked at or raised: {why}")
    return found


async def _leaderless(admin: AIOKafkaAdminClient, names: list[str]) -> list[str]:
    return [found["topic"] for found in await admin.describe_topics(names) if not _led(found)]


async def _none(look: Callable[[], Awaitable[Collection[str]]], within: float, what: str) -> None:
    """Look until nothing is found. Raises Incomplete when something still is after so many seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while waiting := await look():
        if loop.time() > end:
            raise Incomplete(f"{what} after {within:.0f} s for {', '.join(waiting)}")
        await asyncio.sleep(_LOOK)


def _led(found: dict[str, Any]) -> bool:
    partitions = found["partitions"]
    return not found["error_code"] and bool(partitions) and all(part["leader"] >= 0 for part in partitions)


def main(arguments: Sequence[str]) -> int:
    """Create the topics on the brokers named by the one argument."""
    if len(arguments) != 1:
        print("usage: python -m services.common.runtime.kafka.topics_admin HOST:PORT[,HOST:PORT...]", file=sys.stderr)
        return 2
    for line in unknown():
        print(line, file=sys.stderr)
    try:
        changes = asyncio.run(create(arguments[0]))
    except MailweirError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(changes)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
