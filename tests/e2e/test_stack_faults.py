"""Refused records and topics made anew on a running stack: mended and replayed or repaired, everything is stored."""

import asyncio
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from benchmarks.mail import messages
from infra.local import dovecot
from services.common.objects import NewObject
from services.common.topics import ALL_TOPICS
from tests.e2e.chaos import hold, tend
from tests.e2e.test_stack import change, complete, logs, query
from tests.e2e.world import ACCOUNT, SERVICES, USER, World, as_sent, bucket, stack, until

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


def test_flags_and_disappearances_whose_records_were_removed_unread_are_told_again_after_a_repair(world: World) -> None:
    first = len(world.delivered)
    world.deliver([message("flagged"), message("gone")])
    until(lambda: complete(world), 90, lambda: logs(world))
    world.kill("storer")
    flagged, gone = (mail_of(world, number) for number in (first, first + 1))
    flagged.rename(flagged.parent.parent / "cur" / f"{first}.mail:2,F")
    gone.unlink()
    told = "SELECT bool_or(flags ? '\\Flagged') AND bool_or(NOT isempty(vanished)) FROM folder_ledger"
    until(lambda: query(world, told) == [(True,)], 60, lambda: logs(world))
    asyncio.run(remove_all(world.components.kafka, "mail.mailbox"))
    world.start("storer")
    stored = "SELECT flags, visible FROM email_places p JOIN emails e ON e.id = p.email_id WHERE subject = '{}'"
    checked = world.mailweir("repair", "--check")
    assert (checked.returncode, "\n2 places with other flags" in checked.stdout) == (3, True), checked.stdout
    assert query(world, stored.format("flagged")) == [([], True)]
    done = world.mailweir("repair")
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: query(world, stored.format("flagged")) == [(["\\Flagged"], True)], 60, lambda: logs(world))
    until(lambda: query(world, stored.format("gone")) == [([], False)], 60, lambda: logs(world))
    checked = world.mailweir("repair", "--check")
    assert checked.returncode == 0, checked.stdout


def mail_of(world: World, number: int) -> Path:
    (found,) = dovecot.maildir(world.components.imap.folder, USER).parent.rglob(f"{number}.mail*")
    return found


async def remove_all(brokers: str, topic: str) -> None:
    """As retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        count = len((await admin.describe_topics([topic]))[0]["partitions"])
        ends = {TopicPartition(topic, number): RecordsToDelete(before_offset=-1) for number in range(count)}
        await admin.delete_records(ends)
    finally:
        await admin.close()


async def delete_all(brokers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        answer = await admin.delete_topics([topic.name for topic in ALL_TOPICS])
        assert {code for _, code in answer.topic_error_codes} == {0}
    finally:
        await admin.close()
