"""Looking at objects one by one: whether those that seem to be gone are, and whether bytes are those of their hash."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, text

from services.cli.mending import undescribed
from services.common.objects import ObjectStore, has_hash

LOOKS_AT_ONCE = 8
_PAGE = 100  # rows; of as many the store is asked while a transaction is open
_FITS = text("DELETE FROM gone WHERE key = :key")
_READ = text("INSERT INTO gone VALUES (:account_id, :kind, :sha256, :key, :size, :damaged, true)")


def look_again(bench: Connection, store: ObjectStore) -> None:
    """What was filed after its part of the store was listed is not gone; what was read is not looked at again."""
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as threads:
        for page in pages(bench, "SELECT * FROM gone WHERE key IS NOT NULL AND NOT read"):
            fit(bench, there(threads, store, page))


def there(threads: ThreadPoolExecutor, store: ObjectStore, rows: Sequence[Any]) -> list[Any]:
    """The rows whose objects are there, and of the right size."""
    sizes = threads.map(lambda row: _size(store, row.key), rows)
    return [row for row, size in zip(rows, sizes, strict=True) if size == row.size]


def _size(store: ObjectStore, key: str) -> int | None:
    found = store.stat(key)
    return found.size if found else None


def fit(bench: Connection, rows: Sequence[Any]) -> None:
    """Note that these are not gone."""
    if rows:
        bench.execute(_FITS, [{"key": row.key} for row in rows])


def read(bench: Connection, store: ObjectStore, found: Iterable[Sequence[Any]], advance: Callable[[], None]) -> None:
    """Compare the bytes of each object with its hash; what is damaged is noted as gone."""
    for page in found:
        for row in page:
            damaged = _is_damaged(store, row.key, row.sha256)
            if damaged is not None:
                bench.execute(_READ, {**row._mapping, "damaged": damaged})
            else:
                undescribed.look(bench, store, row)
            advance()


def _is_damaged(store: ObjectStore, key: str, sha256: str) -> bool | None:
    """Whether there are other bytes than these, or none; None when all is well."""
    try:
        return None if has_hash(store, key, sha256) else True
    except KeyError:
        return False


def pages(bench: Connection, query: str, **values: object) -> Iterator[Sequence[Any]]:
    """The rows as they are now, some at a time: the server keeps them, on its disk when they are many."""
    bench.execute(text(f"DECLARE pages NO SCROLL CURSOR WITH HOLD FOR {query}"), values)
    while page := bench.execute(text(f"FETCH {_PAGE} FROM pages")).all():
        yield page
    bench.execute(text("CLOSE pages"))
