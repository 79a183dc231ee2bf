"""Offsets without records (removed unread, markers of transactions, an end that was lost), and added partitions.

Each ends with everything committed that is there: a group that cannot get to the end counts as stalled for ever.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.structs import TopicPartition

from services.common.contract.records import encode
from tests.integration.runtime.lab import PARTITIONS, READ, Lab, fetched

ALL = range(1, 401)


async def test_records_that_were_removed_while_nobody_read_are_told_and_the_next_ones_read(lab: Lab) -> None:
    lab.switch("most", "100")
    await lab.publish(ALL)
    worker = lab.worker()
    await lab.until("some are done", lambda: len(lab.seen()) >= 100)
    await lab.until("they are committed", lambda: has_committed_what_was_seen(lab))
    worker.kill()
    worker.wait()
    gone = len(ALL) - await lab.committed()
    await remove_all(lab)
    lab.release("most")
    worker = lab.worker()
    await lab.until("all are told", lambda: told(lab) == gone)
    await lab.until_committed(len(ALL))
    new = range(1001, 1101)
    await lab.publish(new)
    await lab.until("the next ones are read", lambda: set(lab.seen()) >= set(new))
    await lab.stopped(worker)


async def test_a_group_that_brokers_forgot_reads_all_again_and_says_so(lab: Lab) -> None:
    said = f"Kafka keeps no offsets of group {lab.prefix}sink, so "
    await lab.publish(range(1, 201))
    await stopped_after(lab, [*range(1, 201)])
    await lab.publish(range(201, 401))
    await stopped_after(lab, [*ALL])
    assert lab.logs(whole=True).count(f"{said}200 records") == 1
    await forget(lab)
    await stopped_after(lab, [*ALL, *ALL])
    assert (lab.logs(whole=True).count(said), lab.logs().count(f"{said}400 records")) == (2, 1)


async def stopped_after(lab: Lab, seen: list[int]) -> None:
    """Start a worker, and stop it when so much was seen, and committed."""
    worker = lab.worker()
    await lab.until("all are read", lambda: sorted(lab.seen()) == sorted(seen))
    await lab.until_committed(len(set(seen)))
    await lab.stopped(worker)


async def forget(lab: Lab) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap)
    await admin.start()
    try:
        answer = await admin._send_request(DeleteGroupsRequest([f"{lab.prefix}sink"]))
        assert answer.results == [(f"{lab.prefix}sink", 0)]
    finally:
        await admin.close()


async def test_records_that_are_removed_before_a_busy_worker_comes_to_them_are_told(lab: Lab) -> None:
    lab.switch("most", "40")
    await lab.publish(range(1, 201), os.urandom(300_000))  # so large that the worker cannot have read all
    worker = lab.worker()
    await lab.until("some are done", lambda: len(lab.seen()) >= 40)
    await remove_all(lab)
    lab.release("most")
    await lab.until_committed(200)
    await lab.until("what it did not read is told", lambda: told(lab) == 200 - len(lab.seen()))
    assert len(lab.seen()) < 200
    await lab.stopped(worker)


async def test_a_topic_that_ends_with_the_marker_of_a_transaction_is_read_to_its_end(lab: Lab) -> None:
    few = range(1, 41)
    producer = AIOKafkaProducer(bootstrap_servers=lab.bootstrap, transactional_id=lab.prefix)
    async with producer, producer.transaction():
        for uid in few:
            record = encode(fetched(uid), "poller", datetime.now(UTC))
            await producer.send(lab.prefix + READ.name, record.value, record.key, 0, headers=list(record.headers))
    worker = lab.worker()
    await lab.until("all at the sink", lambda: sorted(lab.seen()) == list(few))
    await lab.until_committed(len(few) + 1)
    assert told(lab) == 0
    await lab.stopped(worker)


async def test_a_group_that_is_ahead_of_a_topic_that_lost_its_end_commits_what_is_there(lab: Lab) -> None:
    await lab.publish(ALL)
    async with reader(lab) as consumer:
        await consumer.commit({TopicPartition(lab.prefix + READ.name, number): 10_000 for number in range(PARTITIONS)})
    worker = lab.worker()
    await lab.complete(ALL)
    await lab.stopped(worker)


async def test_partitions_that_are_added_under_a_running_worker_are_read(lab: Lab) -> None:
    await lab.publish(ALL)
    worker = lab.worker()
    await lab.until("it works", lambda: len(lab.seen()) == len(ALL))
    async with admin(lab) as client:
        answer = await client.create_partitions({lab.prefix + READ.name: NewPartitions(total_count=3 * PARTITIONS)})
        assert [code for _, code, _ in answer.topic_errors] == [0]
    more = range(1001, 1401)
    await lab.publish(more)
    await lab.until("those of the new partitions, too", lambda: sorted(lab.seen()) == [*ALL, *more])
    await lab.stopped(worker)


async def has_committed_what_was_seen(lab: Lab) -> bool:
    return await lab.committed() == len(lab.seen())


def told(lab: Lab) -> int:
    """Removed records that the workers' logs tell."""
    lines = [line for line in lab.logs(whole=True).splitlines() if "records were removed from their topic" in line]
    return sum(int(line.partition('"message": "')[2].split()[0]) for line in lines)


async def remove_all(lab: Lab) -> None:
    """As retention does."""
    partitions = [TopicPartition(lab.prefix + READ.name, number) for number in range(PARTITIONS)]
    async with admin(lab) as client:
        await client.delete_records({partition: RecordsToDelete(before_offset=-1) for partition in partitions})


@asynccontextmanager
async def admin(lab: Lab) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def reader(lab: Lab) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of the worker's group."""
    consumer = AIOKafkaConsumer(lab.prefix + READ.name, bootstrap_servers=lab.bootstrap, group_id=f"{lab.prefix}sink")
    async with consumer:
        yield consumer
