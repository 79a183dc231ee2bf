"""What was told as not delivered is not delivered later: not when Kafka is back, not by a process that stood still."""

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from infra.local.cluster import Cluster
from services.common.errors import Unavailable
from services.common.runtime.kafka.producer import KafkaPublisher
from tests.integration.runtime.flood import REQUEST_TIMEOUT
from tests.integration.runtime.lab import READ, ROOT, Lab, fetched

IMPATIENT = {"session_timeout": REQUEST_TIMEOUT, "request_timeout": REQUEST_TIMEOUT}
STANDSTILLS = 3


async def test_what_could_not_be_delivered_in_an_outage_is_kept_by_nobody(lab: Lab, components: Cluster) -> None:
    publisher = KafkaPublisher(lab.settings.model_copy(update=IMPATIENT), "poller")
    try:
        await publisher.publish([fetched(1)])
        components.kill("kafka")
        for uid in range(2, 6):
            with pytest.raises(Unavailable, match="are the brokers up"):
                await publisher.publish([fetched(uid)])
        await lab.until("what was given up is closed", lambda: not publisher._closing, 30)
        assert publisher._budget._used == 0
        components.start("kafka")
        await lab.until("Kafka answers", lambda: delivered(publisher, 6))
        assert {record.key for record in await lab.records(READ.name)} == {
            fetched(uid).place.subject.encode() for uid in (1, 6)
        }
    finally:
        await publisher.stop()


async def delivered(publisher: KafkaPublisher, uid: int) -> bool:
    try:
        await publisher.publish([fetched(uid)])
    except Unavailable:
        return False
    return True


async def test_a_process_that_stood_still_delivers_nothing_from_before(lab: Lab, components: Cluster) -> None:
    """Its account may have been erased meanwhile. A broker that hangs first sees to it that something waits."""
    command = [sys.executable, "-m", "tests.integration.runtime.flood", lab.bootstrap, lab.prefix]
    flooding = subprocess.Popen(command, cwd=ROOT)  # noqa: ASYNC220 -- it returns at once
    lab.workers.append(flooding)
    for _ in range(STANDSTILLS):
        before = len(await lab.records(READ.name))
        await lab.until("it publishes", lambda before=before: more(lab, before))
        components.pause("kafka")
        await asyncio.sleep(REQUEST_TIMEOUT / 4)
        flooding.send_signal(signal.SIGSTOP)
        components.resume("kafka")
        stopped = datetime.now(UTC).isoformat()
        await asyncio.sleep(2 * REQUEST_TIMEOUT)
        there = {(record.partition, record.offset) for record in await lab.records(READ.name)}
        flooding.send_signal(signal.SIGCONT)
        await lab.until("it goes on", lambda there=there: more(lab, len(there)))
        late = [record for record in await lab.records(READ.name) if (record.partition, record.offset) not in there]
        assert [told for record in late if (told := time_of(record)) < stopped] == []


async def more(lab: Lab, before: int) -> bool:
    return len(await lab.records(READ.name)) > before


def time_of(record: object) -> str:
    return dict(record.headers)["ce_time"].decode()  # type: ignore[attr-defined]
