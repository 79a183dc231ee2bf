"""A batch of records as one message of Faust's (ADR 0013)."""

from faust.types import TP, ConsumerMessage

from services.common.runtime.kafka.assembling import Records


class BatchMessage(ConsumerMessage):
    """Records of one topic; the coordinates are those of the last one."""

    __slots__ = ("records",)
    records: Records


def one_message(records: Records, generation: int) -> BatchMessage:
    """The message that stands for ``records``, read in this ``generation`` of the group."""
    last = records[-1]
    message = BatchMessage(
        last.topic, last.partition, last.offset, last.timestamp / 1000, last.timestamp_type, [], b"", b"", None,
        tp=TP(last.topic, last.partition), generation_id=generation,
    )  # fmt: skip
    message.records = records
    return message
