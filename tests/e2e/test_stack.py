"""The main job on real components: mail in Dovecot; topics, rows and objects out. Kill anything, lose nothing."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from jsonschema import Draft7Validator
from sqlalchemy import text

from services.common.database import engine_for
from services.common.topics import ALL_TOPICS
from tests.canary import found_in
from tests.corpus_mail import messages
from tests.e2e.world import SERVICES, World, as_sent, bucket, seen_messages, stack, until

FIRST = int(os.environ.get("MAILWEIR_E2E_MESSAGES", "500"))
NEWS = 50
pytestmark = pytest.mark.timeout(900)
SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with stack(tmp_path_factory.mktemp("stack")) as made:
        yield made


def complete(world: World) -> bool:
    """Everything that was delivered is stored, filed and accounted for."""
    status = world.status()
    return status["stored"] == status["listed"] == len(world.delivered) and status["missing"] == 0 and filed(world)


def filed(world: World) -> bool:
    missing = (
        "SELECT count(*) FROM emails e LEFT JOIN objects o ON o.account_id = e.account_id AND o.kind = 'message' "
        "AND o.sha256 = e.content_sha256 WHERE o.key IS NULL"
    )
    lost = (
        "SELECT count(*) FROM attachments a JOIN emails e ON e.id = a.email_id LEFT JOIN objects o "
        "ON o.account_id = e.account_id AND o.kind = 'attachment' AND o.sha256 = a.sha256 WHERE o.key IS NULL"
    )
    return query(world, missing) == query(world, lost) == [(0,)]


def places(world: World) -> int:
    """How many the database holds by now."""
    return int(str(query(world, "SELECT count(*) FROM email_places")[0][0]))


def query(world: World, sql: str) -> list[tuple[object, ...]]:
    engine = engine_for(world.components.database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]
    finally:
        engine.dispose()


def change(world: World, sql: str) -> None:
    engine = engine_for(world.components.database_url, pool_size=1)
    try:
        with engine.begin() as connection:
            connection.execute(text(sql))
    finally:
        engine.dispose()


def logs(world: World) -> str:
    return f"{world.status()}\n" + "\n".join(f"--- {name}\n{world.log_of(name)}" for name in SERVICES)


def hold_against_what_was_delivered(world: World) -> None:
    """Places, contents, objects and hashes, one by one."""
    ledger = world.ledger()
    assert Counter(line["state"] for line in ledger) == {"stored": len(world.delivered)}
    assert len({(line["wire"], line["uid"]) for line in ledger}) == len(world.delivered)
    assert Counter(line["contentsha256"] for line in ledger) == world.expected()
    store = bucket(world.components)
    keys = list(store.keys("work/messages/"))
    assert Counter(key.rpartition("/")[2].removesuffix(".eml") for key in keys) == Counter(set(world.expected()))
    for key in [*keys, *store.keys("work/attachments/")]:
        stated = key.split("/")[2] if "/attachments/" in key else key.rpartition("/")[2].removesuffix(".eml")
        assert hashlib.sha256(store.read(key)).hexdigest() == stated
    assert seen_messages(world) == []


def test_everything_that_was_delivered_is_there(world: World) -> None:
    world.deliver(messages(FIRST))
    world.start(*SERVICES)
    until(lambda: complete(world), 300, lambda: logs(world))
    hold_against_what_was_delivered(world)


def test_only_what_is_new_is_fetched(world: World) -> None:
    until(lambda: fetched(world) >= octets(world.delivered.values()), 120, lambda: f"{fetched(world)} octets")
    before, news = fetched(world), messages(FIRST + NEWS)[FIRST:]
    world.deliver(news)
    until(lambda: complete(world), 300, lambda: logs(world))
    wanted = before + octets(news)
    until(lambda: fetched(world) == wanted, 120, lambda: f"{fetched(world)} octets instead of {wanted}")


def octets(mail: Iterable[bytes]) -> int:
    return sum(len(as_sent(raw)) for raw in mail)


def fetched(world: World) -> int:
    """Octets of bodies, by the audit log, which is behind the mail."""
    return int(str(query(world, "SELECT coalesce(sum(octets), 0) FROM audit_log WHERE action = 'fetch'")[0][0]))


async def test_a_bare_consumer_reads_both_topics_from_the_start(world: World) -> None:
    headers = Draft7Validator(json.loads((SCHEMAS / "headers/message-fetched.headers.v1.schema.json").read_text()))
    parsed = Draft7Validator(json.loads((SCHEMAS / "events/email-parsed.v1.schema.json").read_text()))
    contents: Counter[str] = Counter()
    ids: dict[str, set[str]] = {"mail.fetched": set(), "mail.parsed": set()}
    consumer = AIOKafkaConsumer(
        "mail.fetched", "mail.parsed", bootstrap_servers=world.components.kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        while any(len(seen) < len(world.delivered) for seen in ids.values()):
            batch = await consumer.getmany(timeout_ms=60_000)
            assert batch, {topic: len(seen) for topic, seen in ids.items()}
            for record in (record for records in batch.values() for record in records):
                attributes = {name: value.decode() for name, value in record.headers}
                if attributes["ce_id"] in ids[record.topic]:
                    continue
                ids[record.topic].add(attributes["ce_id"])
                if record.topic == "mail.parsed":
                    parsed.validate(json.loads(record.value))
                else:
                    headers.validate(attributes)
                    assert "ce_dataref" in attributes or (
                        hashlib.sha256(record.value).hexdigest() == attributes["ce_contentsha256"]
                    )
                    contents[attributes["ce_contentsha256"]] += 1
    finally:
        await consumer.stop()
    assert contents == world.expected()


def test_each_service_is_killed_in_the_middle_and_nothing_is_lost_or_doubled(world: World) -> None:
    more = messages(2 * FIRST + NEWS)[FIRST + NEWS :]
    share = len(more) // len(SERVICES)
    for number, name in enumerate(SERVICES):
        before = places(world)
        world.deliver(more[number * share : (number + 1) * share])
        until(lambda before=before: places(world) > before, 300, lambda: logs(world))
        world.kill(name)
        world.start(name)
    world.deliver(more[len(SERVICES) * share :])
    until(lambda: complete(world), 300, lambda: logs(world))
    hold_against_what_was_delivered(world)
    assert query(world, "SELECT count(*) FROM dead_letters") == [(0,)]


async def test_the_secrets_of_the_stack_are_nowhere_to_be_read(world: World) -> None:
    secrets = world.secrets()
    shown = [("accounts", "show", "work"), ("accounts", "list"), ("status",), ("check", "work", "--full"), ("ledger",)]
    surfaces = {f"mailweir {' '.join(words)}": world.said(*words, "--json") for words in shown}
    surfaces |= {f"process {name}": world.process_of(name) for name in SERVICES}
    surfaces |= {f"log of {name}": world.log_of(name, whole=True).encode() for name in SERVICES}
    surfaces |= {f"table {name}": rows.encode() for name, rows in dumped(world)}
    surfaces |= {f"topic {name}": records for name, records in (await recorded(world)).items()}
    surfaces |= {f"object {key}": bucket(world.components).read(key) for key in bucket(world.components).keys("")}
    assert {kind.partition(" ")[0] for kind in surfaces} == {"mailweir", "process", "log", "table", "topic", "object"}
    assert {name: leaked for name, said in surfaces.items() if (leaked := found_in(secrets, said))} == {}


def dumped(world: World) -> list[tuple[str, str]]:
    names = query(world, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = "SELECT coalesce(string_agg(row_to_json(t)::text, ' '), '') FROM {} t"
    return [(str(name), str(query(world, rows.format(name))[0][0])) for (name,) in names]


async def recorded(world: World) -> dict[str, bytes]:
    """Keys, values and headers of every record that the topics hold by now."""
    return {topic.name: await _read(world.components.kafka, topic.name) for topic in ALL_TOPICS}


async def _read(brokers: str, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends, found = await consumer.end_offsets(consumer.assignment()), b""
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            batch = await consumer.getmany(timeout_ms=1_000)
            found += b" ".join(_octets(record) for records in batch.values() for record in records)
        return found
    finally:
        await consumer.stop()


def _octets(record: ConsumerRecord) -> bytes:
    return b" ".join([record.key or b"", record.value or b"", repr(record.headers).encode()])


def test_large_attachments_pass_with_little_memory_in_every_process(world: World) -> None:
    from tests.e2e.large import MOST_KB, through_the_stack

    peaks = through_the_stack(world, 50_000_000, 300, messages=3)
    assert [name for name, kb in peaks.items() if not 0 < kb < MOST_KB] == [], peaks
