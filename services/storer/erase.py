"""Erase an account's mail: objects by prefix, rows by account. What remains are audit entries that say so."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text

from services.common import audit
from services.common.database import transaction, unbounded
from services.common.errors import Unavailable
from services.common.objects import ObjectStore
from services.common.runtime.kafka.catching_up import catch_up
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.settings import read

_CATCH_UP = 300.0  # seconds
_PAUSE, _QUIET_SWEEPS, _MOST_SWEEPS = 3.0, 2, 100
_OF_FOLDERS = ("place_states", "folder_ledger", "quarantine")
_OF_ACCOUNT = {
    "emails": "account_id",
    "email_places": "account_id",
    "settled_places": "account_id",
    "thread_refs": "account_id",
    "objects": "account_id",
    "email_sync_status": "account_id",
    "account_status": "account_id",
    "dead_letters": "account_id",
    "audit_log": "action <> 'erase' AND account_id",  # that mail was erased is told for good, each time
    "server_habits": "account",
    "traffic": "account",
    "unsettled": "account_id",  # last: triggers write it when rows of the others go
}


class Stores(Protocol):
    """Where mail lies."""

    @property
    def engine(self) -> Engine:
        """Rows."""

    @property
    def store(self) -> ObjectStore:
        """Objects."""


def erase_account(stores: Stores, account: str, *, on_the_way: bool = False) -> tuple[int, int]:
    """Remove all objects and rows of a paused account; how many of each. Again after a crash is harmless.

    ``on_the_way``: on the stack, what the services still have in hand arrives later: they are waited for until they
    have read it, and it is swept until nothing has come for six seconds. Records in Kafka end with the retention of
    their topics.

    Raises:
        Unavailable: a store does not answer, a service does not read, or mail has not stopped coming after five
            minutes. What is left is removed by the next try.

    """
    objects, rows = _sweep(stores, account, first=True, last=not on_the_way)
    if on_the_way:
        asyncio.run(catch_up(read(KafkaSettings), _CATCH_UP))
        for later in (_until_quiet(stores, account), _sweep(stores, account, last=True)):
            objects, rows = objects + later[0], rows + later[1]
    return objects, rows


def _until_quiet(stores: Stores, account: str) -> tuple[int, int]:
    objects = rows = quiet = 0
    for _ in range(_MOST_SWEEPS):
        time.sleep(_PAUSE)
        more = _sweep(stores, account)
        objects, rows = objects + more[0], rows + more[1]
        quiet = 0 if any(more) else quiet + 1
        if quiet == _QUIET_SWEEPS:
            return objects, rows
    raise Unavailable(f"mail of {account} keeps coming; see `mailweir stack status` and try again")


def _sweep(stores: Stores, account: str, *, first: bool = False, last: bool = False) -> tuple[int, int]:
    """Erase what is there; said in the transaction of the rows, so that no end in the middle leaves it untold.

    The folders go in the ``last`` sweep only: flags that arrive late are found by them.
    """
    objects = _erase_objects(stores.store, f"{account}/")
    with transaction(stores.engine) as connection:
        rows = _erase_rows(connection, account)
        if last:
            rows += _count(connection, "DELETE FROM folders WHERE account = :account", {"account": account})
        if first or objects or rows:
            detail = f"{objects} objects and {rows} rows erased"
            audit.note(connection, datetime.now(UTC), "storer", account, "erase", detail=detail)
    return objects, rows


def _erase_objects(store: ObjectStore, prefix: str) -> int:
    erased = 0
    while more := store.erase(prefix):
        erased += more
    return erased


def _erase_rows(connection: Connection, account: str) -> int:
    unbounded(connection)
    values = {"account": account}
    erased = 0
    for table in _OF_FOLDERS:
        query = f"DELETE FROM {table} WHERE folder_id IN (SELECT id FROM folders WHERE account = :account)"
        erased += _count(connection, query, values)
    for table, column in _OF_ACCOUNT.items():
        erased += _count(connection, f"DELETE FROM {table} WHERE {column} = :account", values)
    return erased


def _count(connection: Connection, query: str, values: dict[str, Any]) -> int:
    return int(connection.execute(text(query), values).rowcount)
