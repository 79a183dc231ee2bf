"""Records that a broker's disk has damaged: their checksum is wrong, and Kafka gives the same again for ever."""

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from services.common.errors import MailweirError


class Damaged(MailweirError):
    """Nothing behind such records can be read: the process ends, and says which they are and how to get past them."""


def damaged(at: TopicPartition, fetched: bytes) -> Damaged:
    """What to say of records of which a checksum is wrong."""
    first, behind = _damaged_offsets(fetched)
    return Damaged(
        f"topic {at.topic}, partition {at.partition}: the records from offset {first} to before {behind} do not fit "
        "their checksum, as a disk of the brokers is damaged, and none behind them can be read. Let a replica lead "
        f"that has them whole; without one remove them (kafka-delete-records.sh, offset {behind}). What mail they were "
        "is pending then in `mailweir status`, and `mailweir repair` fetches it again"
    )


def _damaged_offsets(fetched: bytes) -> tuple[int, int]:
    records = MemoryRecords(fetched)
    while records.has_next():
        batch = records.next_batch()
        if not batch.validate_crc():
            return batch.base_offset, batch.next_offset
    raise CorruptRecordException
