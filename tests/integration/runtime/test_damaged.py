"""Records that a disk of the brokers has damaged: a real log, with a bit turned."""

import re
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from infra.local import cluster
from tests.integration.runtime.lab import READ, Lab


async def test_damaged_records_end_the_service_which_says_how_to_get_past_them(tmp_path: Path) -> None:
    with cluster.running({"kafka"}, tmp_path / "kafka") as components:
        lab = Lab(components.kafka, tmp_path)
        await lab.make_topics()
        for first in (1, 41, 81):
            await lab.publish(range(first, first + 40))
        components.stop("kafka")
        turn_a_bit(tmp_path / "kafka", lab)
        components.start("kafka")
        assert await lab.ended(lab.worker()) == 1
        found = re.search(r"fetched, partition 0: the records from offset (\d+) to before (\d+) do not", lab.logs())
        assert found, lab.logs()
        assert await lab.committed() == len(lab.seen()) >= int(found[1]) > 0
        await remove(lab, int(found[2]))
        worker = lab.worker()
        await lab.until_committed(120)
        lost = int(found[2]) - int(found[1])
        assert 0 < 120 - len(set(lab.seen())) == lost, "those before and behind are read"
        await lab.stopped(worker)
        lab.close()


def turn_a_bit(folder: Path, lab: Lab) -> None:
    """In the last octet of the second batch of the first partition."""
    (path,) = folder.rglob(f"{lab.prefix}{READ.name}-0/*.log")
    octets = bytearray(path.read_bytes())
    second = 12 + int.from_bytes(octets[8:12], "big")
    end = second + 12 + int.from_bytes(octets[second + 8 : second + 12], "big")
    octets[end - 1] ^= 1
    path.write_bytes(octets)


async def remove(lab: Lab, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=lab.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(lab.prefix + READ.name, 0): RecordsToDelete(before)})
    finally:
        await admin.close()
