"""Raw messages whose objects do not say where they belong: copied without metadata, they make no row again.

``undescribed`` is a temporary table of the bench of a repair, filled where every object is read.
"""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from sqlalchemy import Connection, text

from services.cli.stored import first_place
from services.common.message.day import HEAD_OCTETS
from services.common.message.heading import RAW_TYPE, raw_object
from services.common.objects import ObjectStore
from services.front.context import Context
from services.front.resending import resending

_BLOCK = 4 << 20
_NOTE = text("INSERT INTO undescribed VALUES (:account_id, :sha256, :key, :size)")
_COUNT = text("SELECT count(*) FROM undescribed")
_FOUND = text("SELECT * FROM undescribed u WHERE NOT EXISTS (SELECT FROM gone g WHERE g.key = u.key) ORDER BY key")


def look(bench: Connection, store: ObjectStore, row: Any) -> None:
    """Note an object that is whole, if it is a raw message that names no place."""
    if row.kind == "message" and not _says(store, row.key):
        values = {name: getattr(row, name) for name in ("account_id", "sha256", "key", "size")}
        bench.execute(_NOTE, values)


def count(bench: Connection) -> int:
    """How many there are."""
    return int(bench.execute(_COUNT).scalar_one())


def mend(context: Context, bench: Connection) -> int:
    """Write them again with what their rows know; how many. Ends at the first that the store keeps without it.

    Raises Incomplete when one of their accounts is being erased.
    """
    rows, mended = bench.execute(_FOUND).all(), 0
    with resending(context.engine, {row.account_id for row in rows}):
        for row in rows:
            says = _written(context, row)
            if says is False:
                break
            mended += says is True
    return mended


def _written(context: Context, row: Any) -> bool | None:
    """Whether the object says its place now; None where nobody knows one, or it went away."""
    known, store = first_place(context, row.account_id, row.sha256), context.store
    with suppress(KeyError), tempfile.TemporaryFile() as file:
        if known is None:
            return None
        _copy(store, row.key, file)
        _, metadata = raw_object(*known, row.sha256, file.read(HEAD_OCTETS))
        file.seek(0)
        store.put_file(row.key, file, row.size, RAW_TYPE, metadata)
        return _says(store, row.key)
    return None


def _says(store: ObjectStore, key: str) -> bool:
    found = store.stat(key)
    return found is None or "place" in found.metadata


def _copy(store: ObjectStore, key: str, file: BinaryIO) -> None:
    file.writelines(_blocks(store, key))
    file.seek(0)


def _blocks(store: ObjectStore, key: str) -> Iterator[bytes]:
    offset = 0
    while block := store.read(key, offset, _BLOCK):
        yield block
        offset += len(block)
