"""Bad records, lost objects and lost rows on a running stack, mended by commands alone."""

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from threading import Thread

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from benchmarks.mail import messages
from services.common.topics import ALL_TOPICS, BY_NAME, MAIN_TOPICS
from tests.contract import records
from tests.e2e.chaos import COMPONENTS, hold, in_the_middle, tend
from tests.e2e.test_stack import change, complete, logs, query
from tests.e2e.world import ACCOUNT, SERVICES, World, as_sent, bucket, read_so_far, stack, until

COUNT = 40
HOSTILE = (
    "../../x",
    "a\0b.pdf",
    "invoice\u202efdp.exe",
    "n" * 300 + ".txt",
    "CON",
    "aux.txt",
    "..",
    "C:\\x\\y.doc",
    "a\ufffe.pdf",
    "x__XLDIR__",
    "",
)
TYPES = ("тип/файл", "application/é", "application/" + "x" * 3_000)  # what no header of a request can say
LARGE = 1 << 20
STORED = ("emails", "email_places", "attachments", "objects", "place_states", "thread_refs", "email_sync_status")
pytestmark = pytest.mark.timeout(900)
READERS = {topic.name: len(topic.readers) for topic in MAIN_TOPICS}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with stack(tmp_path_factory.mktemp("mending")) as made:
        typed = [of_type(kind, octets) for kind in TYPES for octets in (1_000, LARGE)]
        made.deliver([*messages(COUNT), *(named(name) for name in HOSTILE), *typed])
        made.start(*SERVICES)
        until(lambda: complete(made), 300, lambda: logs(made))
        yield made


def named(name: str) -> bytes:
    """A message whose file has this name, as a sender can write it."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.test", "b@example.test", f"file {name.encode()!r}"[:60]
    made.set_content("see the file")
    made.add_attachment(name.encode(), maintype="application", subtype="octet-stream", filename="WEIR")
    quoted = f"*=utf-8''{''.join(f'%{octet:02X}' for octet in name.encode())}" if name else '=""'
    return made.as_bytes().replace(b'="WEIR"', quoted.encode())


def of_type(kind: str, octets: int) -> bytes:
    """A message whose file has this type, small or as large as is streamed out of it."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.test", "b@example.test", f"type of {len(kind)} letters"
    made.set_content("see the file")
    made.add_attachment(f"{kind} {octets} ".encode().ljust(octets, b"x"), maintype="application", subtype="weir")
    return made.as_bytes().replace(b"application/weir", kind.encode())


def recovered(world: World) -> bool:
    tend(world)
    return complete(world)


def mended(world: World, *words: str) -> None:
    done = world.mailweir("repair", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: recovered(world), 300, lambda: logs(world))


def test_names_of_strangers_are_stored_safely_and_shown_as_sent(world: World) -> None:
    store = bucket(world.components)
    rows = query(
        world, "SELECT a.name, a.safe_name, o.key FROM attachments a JOIN objects o USING (account_id, sha256)"
    )
    for name in HOSTILE:
        digest = hashlib.sha256(name.encode()).hexdigest()
        keys = list(store.keys(f"{ACCOUNT}/attachments/{digest}/"))
        assert len(keys) == 1, name
        assert len(keys[0].encode()) < 500
        assert not set(keys[0].rpartition("/")[2]) & set('\0\\\u202e:*?"<>|'), keys
        assert keys[0].rpartition("/")[2].split(".")[0].upper() not in {"CON", "AUX", ""}, keys
        assert keys[0] in {row[2] for row in rows}
    shown = {row[0] for row in rows}
    assert {name.replace("\0", "") for name in HOSTILE if name} <= {str(name) for name in shown}


async def test_bad_records_on_every_topic_are_dead_letters_and_the_rest_goes_on(world: World) -> None:
    sent = [record for topic in READERS for record in records.unusable(topic)]
    brokers = world.components.kafka
    async with AIOKafkaProducer(bootstrap_servers=brokers, max_request_size=2**26, compression_type="zstd") as producer:
        for record in sent:
            await producer.send_and_wait(record.topic, record.value, record.key, headers=list(record.headers))
    world.deliver(list(messages(COUNT + 5))[COUNT:])
    expected = Counter({topic: readers * len(records.unusable(topic)) for topic, readers in READERS.items()})
    until(lambda: letters(world) == expected, 180, lambda: f"{letters(world)}\n{logs(world)}")
    until(lambda: complete(world), 180, lambda: logs(world))
    assert tend(world) == []
    stored = Counter(
        hashlib.sha256(value).hexdigest() for (value,) in query(world, "SELECT coalesce(value, '') FROM dead_letters")
    )
    assert stored == Counter(
        digest
        for record in sent
        for digest in [hashlib.sha256(record.value or b"").hexdigest()] * READERS[record.topic]
    )


def letters(world: World) -> Counter[str]:
    listed = world.mailweir("dlq", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    return Counter(json.loads(line)["topic"] for line in listed.stdout.splitlines())


def test_dead_letters_are_shown_replayed_and_dropped(world: World) -> None:
    before = letters(world)
    (number,) = query(world, "SELECT min(id) FROM dead_letters WHERE octet_length(value) > 9000000")[0]
    assert world.mailweir("dlq", "show", str(number)).returncode == 0
    done = world.mailweir("dlq", "replay", "--all")
    assert done.returncode == 0, done.stderr
    until(lambda: letters(world) == before, 180, lambda: f"{letters(world)}\n{logs(world)}")
    assert world.mailweir("dlq", "drop", "--all").returncode == 0
    assert letters(world) == {}
    assert set(BY_NAME) > set(before)
    change(world, "TRUNCATE dead_letters")


def test_reparse_by_folder_date_and_account_goes_through_the_topics(world: World) -> None:
    change(world, "UPDATE emails SET subject = 'old', parser_version = '0.0.1'")
    total = query(world, "SELECT count(*) FROM emails")[0][0]
    chosen = query(world, "SELECT count(DISTINCT email_id) FROM email_places WHERE folder = 'Sent'")[0][0]
    assert 0 < chosen < total
    assert f"{chosen} messages compared, {chosen} would change" in reparsed(world, "--compare", "--folder", "Sent")
    assert renewed(world) == 0
    for side, among in (("--before", 0), ("--since", total)):
        assert f"{among} messages compared" in reparsed(world, "--compare", side, "2000-01-01")
    assert f"{chosen} messages sent" in reparsed(world, "--folder", "Sent")
    until(lambda: renewed(world) == chosen, 180, lambda: logs(world))
    assert query(
        world, "SELECT count(*) FROM emails e JOIN email_places p ON p.email_id = e.id "
        "WHERE p.folder = 'Sent' AND e.subject = 'old'"
    ) == [(0,)]  # fmt: skip
    assert f"{total} messages sent" in reparsed(world, "--account", ACCOUNT)
    until(lambda: renewed(world) == total, 180, lambda: logs(world))
    read_so_far(world)
    assert complete(world)


def reparsed(world: World, *words: str) -> str:
    done = world.mailweir("reparse", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def renewed(world: World) -> int:
    count: int = query(world, "SELECT count(*) FROM emails WHERE parser_version <> '0.0.1'")[0][0]
    return count


def test_objects_that_were_deleted_are_filed_again(world: World) -> None:
    store = bucket(world.components)
    gone = [*list(store.keys(f"{ACCOUNT}/messages/"))[:5], *list(store.keys(f"{ACCOUNT}/attachments/"))[:3]]
    store.delete(gone)
    assert world.mailweir("repair", "--check").returncode == 3
    mended(world)
    hold(world)
    assert world.mailweir("repair", "--check").returncode == 0


def test_rows_that_were_deleted_come_back(world: World) -> None:
    change(world, "DELETE FROM email_places WHERE uid % 2 = 0; DELETE FROM emails WHERE id % 3 = 0")
    mended(world)
    hold(world)


def test_every_table_of_the_storer_is_rebuilt_from_the_objects(world: World) -> None:
    change(world, f"TRUNCATE {', '.join(STORED)} CASCADE")
    mended(world)
    hold(world)
    until(lambda: world.mailweir("repair", "--check").returncode == 0, 120, lambda: logs(world))  # reports come last


def test_a_repair_beside_an_import_takes_nothing_on_its_way_for_lost(world: World) -> None:
    fetched = "SELECT sum(octets) FROM audit_log WHERE action = 'fetch'"
    new = [b"Subject: on its way %d\n\nhello\n" % number for number in range(COUNT)]
    read_so_far(world)  # the audit log is behind the mail
    before, storer = query(world, fetched)[0][0], world.processes["storer"]
    storer.send_signal(signal.SIGSTOP)
    world.deliver(new)
    until(lambda: world.status()["published"] == len(world.delivered), 120, lambda: logs(world))
    done = [
        subprocess.Popen(
            [sys.executable, "-m", "services.cli.main", "repair", *words],
            env=world.mailweir.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in (("--check",), ())
    ]
    for process in done:
        assert process.stderr
        assert process.stderr.readline() == "looking again when what is on its way has arrived\n"
    storer.send_signal(signal.SIGCONT)
    said = [process.communicate(timeout=240) for process in done]
    assert [process.returncode for process in done] == [0, 0], said
    assert "\n0 messages sent" in said[1][0]
    until(lambda: complete(world), 120, lambda: logs(world))
    hold(world)
    read_so_far(world)
    assert query(world, fetched)[0][0] - before == sum(map(len, map(as_sent, new)))


def test_database_store_and_broker_killed_in_the_middle_lose_nothing(world: World) -> None:
    def kill_all() -> None:
        for name in COMPONENTS:
            world.components.kill(name)
        for name in COMPONENTS:
            world.components.start(name)

    in_the_middle(world, list(messages(COUNT + 305))[COUNT + 5 :], kill_all)
    hold(world)


def test_an_erased_account_leaves_nothing_though_its_mail_was_on_the_way(world: World) -> None:
    for name in ("storer", "attachments"):
        world.kill(name)
    world.deliver(list(messages(COUNT + 345))[COUNT + 305 :])
    until(lambda: world.status()["published"] == len(world.delivered), 120, lambda: logs(world))
    starting = Thread(target=start_when_it_erases, args=(world,))
    starting.start()
    done = world.mailweir("accounts", "remove", ACCOUNT, "--erase", "--yes")
    starting.join()
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: asyncio.run(unread(world)) == set(), 120, lambda: logs(world))
    assert list(bucket(world.components).keys("")) == []
    columns = query(
        world,
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING "
        "(table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE' "
        "AND column_name IN ('account', 'account_id', 'slug')",
    )
    left = {
        table: query(world, f"SELECT count(*) FROM {table} WHERE {column} = '{ACCOUNT}'") for table, column in columns
    }
    assert {table for table, counted in left.items() if counted != [(0,)]} == {"audit_log"}
    said = f"SELECT action FROM audit_log WHERE account_id = '{ACCOUNT}' ORDER BY at"
    *erased, removed = [action for (action,) in query(world, said)]
    assert (set(erased), removed) == ({"erase"}, "account-remove")


async def unread(world: World) -> set[tuple[str, str]]:
    """Groups and topics of which they have not committed all, as the broker says: not by the code that is tested.

    What is committed is asked first: who has read all has then also written all that follows from it.
    """
    read = [(group, topic) for topic in ALL_TOPICS for group in topic.readers]
    places = {
        topic.name: [TopicPartition(topic.name, part) for part in range(topic.partitions)] for topic in ALL_TOPICS
    }
    admin = AIOKafkaAdminClient(bootstrap_servers=world.components.kafka)
    await admin.start()
    try:
        done = {group: await admin.list_consumer_group_offsets(group) for group, _ in read}
    finally:
        await admin.close()
    async with AIOKafkaConsumer(bootstrap_servers=world.components.kafka) as consumer:
        ends = await consumer.end_offsets([place for each in places.values() for place in each])
    return {
        (group, topic.name)
        for group, topic in read
        for place in places[topic.name]
        if ends[place] > (done[group][place].offset if place in done[group] else 0)
    }


def start_when_it_erases(world: World) -> None:
    """Erasing pauses the account first."""
    state = f"SELECT state FROM accounts WHERE slug = '{ACCOUNT}'"
    until(lambda: query(world, state) == [("paused",)], 60, lambda: logs(world))
    world.start("storer", "attachments")
