"""``asyncapi.yaml`` is the register of topics: complete, consistent, and the same as the code."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.common import topics
from services.common.contract.records import SPECS, EventSpec
from services.common.runtime.kafka.producer import MAX_RECORD
from tests.contract.records import example_files, load

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
DOCUMENT: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
CHANNELS = {body["address"]: body for body in DOCUMENT["channels"].values()}
MESSAGES = list(DOCUMENT["components"]["messages"].values())
SERVICES = {"poller", "parser", "storer", "attachments", "cli"}


def resolve(reference: str) -> Any:
    assert reference.startswith("#/")
    found: Any = DOCUMENT
    for step in reference[2:].split("/"):
        found = found[step]
    return found


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [each for child in node.values() for each in references(child)]
    return [each for child in node for each in references(child)] if isinstance(node, list) else []


def test_it_is_asyncapi_3_with_what_that_requires() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert DOCUMENT.keys() <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert all(operation["action"] in ("send", "receive") for operation in DOCUMENT["operations"].values())


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        if reference.startswith("#/"):
            assert resolve(reference)
        else:
            assert (SCHEMAS / reference).is_file(), reference


def test_topics_are_those_of_the_code_both_ways() -> None:
    assert set(CHANNELS) == set(topics.BY_NAME)
    for name, topic in topics.BY_NAME.items():
        kafka = CHANNELS[name]["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["retention.ms"] == topic.retention_ms


def operations(action: str) -> set[tuple[str, str]]:
    chosen = [body for body in DOCUMENT["operations"].values() if body["action"] == action]
    return {(resolve(body["channel"]["$ref"])["address"], body["tags"][0]["name"]) for body in chosen}


def test_writers_and_readers_are_those_of_the_code() -> None:
    assert operations("send") == {(topic.name, writer) for topic in topics.ALL_TOPICS for writer in topic.writers}
    assert operations("receive") == {(topic.name, reader) for topic in topics.ALL_TOPICS for reader in topic.readers}


def test_each_operation_names_a_service_that_exists() -> None:
    for _, service in operations("send") | operations("receive"):
        assert service in SERVICES
        assert (ROOT / "services" / service).is_dir()


def test_messages_are_the_events_of_the_code_both_ways() -> None:
    carried = {
        (name, resolve(message["$ref"])["name"])
        for name, channel in CHANNELS.items()
        if not name.endswith(".dlq")
        for message in channel["messages"].values()
    }
    assert carried == {(spec.topic.name, spec.type) for spec in SPECS}


@pytest.mark.parametrize("path", example_files(), ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_the_key_is_described_as_what_it_is(path: Path) -> None:
    kinds = {0: "account", 1: "folder", 3: "place"}
    message = next(each for each in MESSAGES if each["name"] == f"org.mailweir.{path.parts[-3]}.v1")
    said = message["bindings"]["kafka"]["key"]["description"]
    assert said.startswith(f"The {kinds[load(path)['key'].count('/')]} that the event is about")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_event_has_a_line_in_the_docs(spec: EventSpec) -> None:
    table = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert sum(line.startswith(f"| `{spec.name}`") for line in table.splitlines()) == 1


def test_every_topic_has_a_dead_letter_twin_that_can_take_its_records_and_keeps_them_longer() -> None:
    for topic in topics.MAIN_TOPICS:
        own, twin = (
            CHANNELS[name]["bindings"]["kafka"]["topicConfiguration"] for name in (topic.name, topic.dead_letters)
        )
        assert own["max.message.bytes"] == MAX_RECORD
        assert twin["max.message.bytes"] == MAX_RECORD + 65_536, "the record with the headers that say why"
        assert twin["retention.ms"] > own["retention.ms"]
        assert [resolve(message["$ref"])["name"] for message in CHANNELS[topic.dead_letters]["messages"].values()] == [
            "dead-letter"
        ]
