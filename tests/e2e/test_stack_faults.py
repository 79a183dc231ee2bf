"""Refused records and topics made anew on a running stack: mended and replayed or repaired, everything is stored."""

import asyncio
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.mail import messages
from services.common.objects import NewObject
from services.common.topics import ALL_TOPICS
from tests.e2e.chaos import hold, tend
from tests.e2e.test_stack import change, complete, logs
from tests.e2e.world import ACCOUNT, SERVICES, World, as_sent, bucket, stack, until

FIRST, MORE = 20, 300


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with stack(tmp_path_factory.mktemp("faults")) as made:
        made.deliver(list(messages(FIRST)))
        made.start(*SERVICES)
        until(lambda: complete(made), 120, lambda: logs(made))
        yield made


def message(subject: str, file: bytes = b"small") -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.test", "b@example.test", subject
    made.set_content("see the file")
    made.add_attachment(file, maintype="application", subtype="octet-stream", filename="file.bin")
    return made.as_bytes()


def states(world: World) -> Counter[object]:
    return Counter(line["state"] for line in world.ledger())


def letters(world: World) -> list[dict[str, object]]:
    listed = world.mailweir("dlq", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


def replayed(world: World) -> None:
    done = world.mailweir("dlq", "replay", "--all")
    assert done.returncode == 0, done.stdout + done.stderr


def settled(world: World) -> None:
    """All is stored, and no dead letter is open; closed ones are forgotten for the next test."""
    until(lambda: complete(world), 90, lambda: logs(world))
    assert states(world) == {"stored": len(world.delivered)}
    assert letters(world) == []
    change(world, "TRUNCATE dead_letters")
    hold(world)


def test_a_refused_record_is_stored_by_a_replay_once_the_reason_is_mended(world: World) -> None:
    change(world, "ALTER TABLE emails ADD CONSTRAINT refused CHECK (subject <> 'refuse me')")
    world.deliver([message("refuse me"), message("take me")])
    expected = {"stored": len(world.delivered) - 1, "quarantined": 1}
    until(lambda: states(world) == expected, 90, lambda: logs(world))
    (letter,) = letters(world)
    assert (letter["topic"], letter["service"], letter["error"]) == ("mail.parsed", "storer", "refused.data")
    replayed(world)
    until(lambda: [each["id"] for each in letters(world)] not in ([], [letter["id"]]), 60, lambda: logs(world))
    assert states(world) == expected
    change(world, "ALTER TABLE emails DROP CONSTRAINT refused")
    replayed(world)
    settled(world)


def lose(world: World) -> NewObject:
    """Deliver a message that goes through the store, and take it away there before anybody read it; what it was."""
    for name in ("parser", "attachments"):
        world.kill(name)
    large = message("large", os.urandom(2_000_000))
    world.deliver([large])
    until(lambda: world.status()["published"] == len(world.delivered), 90, lambda: logs(world))
    store, sha256 = bucket(world.components), hashlib.sha256(as_sent(large)).hexdigest()
    (key,) = [key for key in store.keys(f"{ACCOUNT}/messages/") if sha256 in key]
    found, data = store.stat(key), store.read(key)
    assert found is not None
    store.delete([key])
    world.start("parser", "attachments")
    readers = [("attachments", "mail.fetched"), ("parser", "mail.fetched")]
    until(
        lambda: sorted((each["service"], each["topic"]) for each in letters(world)) == readers, 90, lambda: logs(world)
    )
    assert states(world) == {"stored": len(world.delivered) - 1, "quarantined": 1}
    return NewObject(key, data, found.content_type, found.metadata)


def test_a_message_whose_object_was_gone_is_stored_by_a_replay_once_it_is_back(world: World) -> None:
    lost = lose(world)
    bucket(world.components).put(lost)
    replayed(world)
    settled(world)


def test_a_message_whose_object_stays_gone_is_fetched_again_by_a_repair(world: World) -> None:
    lose(world)
    assert world.mailweir("repair", "--check").returncode == 3
    done = world.mailweir("repair")
    assert done.returncode == 0, done.stdout + done.stderr
    settled(world)


def test_topics_deleted_and_made_anew_in_the_middle_end_the_services_and_repair_fetches_what_was_lost(
    world: World,
) -> None:
    stored = world.status()["stored"]
    world.deliver(list(messages(FIRST + MORE))[FIRST:])
    until(lambda: world.status()["stored"] > stored, 120, lambda: logs(world))
    asyncio.run(delete_all(world.components.kafka))
    done = world.mailweir("topics")
    assert done.returncode == 0, done.stderr
    ended = set[str]()

    def all_ended() -> bool:
        ended.update(tend(world))
        return ended >= {"parser", "storer", "attachments"}

    until(all_ended, 90, lambda: f"ended by themselves: {ended}\n{logs(world)}")
    assert all("TopicLost: topic mail." in world.log_of(name, whole=True) for name in ended)
    until(lambda: world.status()["published"] == len(world.delivered), 120, lambda: logs(world))
    done = world.mailweir("repair")
    assert done.returncode == 0, done.stdout + done.stderr
    settled(world)


async def delete_all(brokers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        answer = await admin.delete_topics([topic.name for topic in ALL_TOPICS])
        assert {code for _, code in answer.topic_error_codes} == {0}
    finally:
        await admin.close()
