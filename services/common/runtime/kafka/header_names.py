r"""Names of headers in any octets: brokers take them, and aiokafka's reader ends at those that are no UTF-8.

A record of a stranger must not end a service, again at every restart. So what the fast reader cannot read is read once
more by aiokafka's slow one, with ``\xNN`` for what is no UTF-8.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

from services.common.runtime.kafka.damaged import damaged


class _Kept(MemoryRecords):  # type: ignore[misc]
    """Records as they were fetched, with their octets: those of the fast reader cannot be read twice."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(octets)
        self.octets = octets


class _AnyNames(fetcher.PartitionRecords):  # type: ignore[misc]
    """What was fetched of a partition; records that were given already are not given again."""

    _records: Any

    def _unpack_records(self) -> Iterator[Any]:
        """Raise Damaged for records that are, when those before them were given: else they would be asked for again."""
        fetched, first = self._records, self.next_fetch_offset
        try:
            yield from self._with_any_names(fetched)
        except CorruptRecordException as error:
            if self.next_fetch_offset == first:
                raise damaged(self._tp, fetched.octets) from error

    def _with_any_names(self, fetched: Any) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except UnicodeDecodeError:
            self._records = _Slow(fetched.octets)
            yield from super()._unpack_records()


class _Slow(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self) -> Any:
        octets = bytes(self._next_slice)
        self._cache_next()
        return _SlowBatch(octets)


class _SlowBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Lenient(self._buffer)


class _Lenient(bytearray):
    """Octets any piece of which is text, whatever it holds."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


def read_any_names() -> None:
    """Let every consumer of this process read such records."""
    fetcher.MemoryRecords = _Kept
    fetcher.PartitionRecords = _AnyNames
