"""What the object store has, as the temporary table ``listed``: however much it is, only a piece is in memory."""

from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import islice
from typing import Any

from sqlalchemy import Connection, text

from services.cli.mending.rebuilding import identity
from services.common.database import is_text
from services.common.objects import ObjectStore, is_plain
from services.storer.copying import Row, octets_of

_TABLE = text("CREATE TEMP TABLE listed (key text, size bigint, account_id text, sha256 text)")
_AT_ONCE = 1_000  # rows


def load(bench: Connection, store: ObjectStore, account: str | None, advance: Callable[[], None]) -> None:
    """Fill ``listed`` with keys and sizes of an account's objects, or of all; of raw messages also whose and what.

    ``advance`` is called for each.
    """
    bench.execute(_TABLE)
    rows = _rows(store, f"{account}/" if account else "", advance)
    cursor: Any = bench.connection.cursor()
    while some := list(islice(rows, _AT_ONCE)):
        cursor.copy_expert("COPY listed FROM STDIN", BytesIO(octets_of(some)))
    cursor.close()
    bench.execute(text("ANALYZE listed"))


def _rows(store: ObjectStore, prefix: str, advance: Callable[[], None]) -> Iterator[Row]:
    for key, size in store.sizes(prefix):
        advance()
        if is_text(key) and is_plain(key):
            account, sha256 = identity(key)
            yield key, size, account or None, sha256 or None
