"""Erase an account's mail: objects by prefix, rows by account. What remains is one audit entry that says so."""

from datetime import UTC, datetime
from itertools import islice
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text

from services.common import audit
from services.common.database import transaction
from services.common.objects import ObjectStore

_KEYS = 1_000
_OF_FOLDERS = ("place_states", "folder_ledger", "quarantine")
_OF_ACCOUNT = {
    "emails": "account_id",
    "email_places": "account_id",
    "thread_refs": "account_id",
    "objects": "account_id",
    "email_sync_status": "account_id",
    "account_status": "account_id",
    "dead_letters": "account_id",
    "audit_log": "account_id",
    "folders": "account",
    "leases": "account",
    "server_habits": "account",
    "traffic": "account",
}


class Stores(Protocol):
    """Where mail lies."""

    @property
    def engine(self) -> Engine:
        """Rows."""

    @property
    def store(self) -> ObjectStore:
        """Objects."""


def erase_account(stores: Stores, account: str) -> tuple[int, int]:
    """Remove all objects and rows of an account; how many of each. Again after a crash is harmless.

    Records in Kafka end with the retention of their topics.

    Raises:
        Unavailable: a store does not answer; what is left is removed by the next try.
    """
    objects = _erase_objects(stores.store, f"{account}/")
    with transaction(stores.engine) as connection:
        rows = _erase_rows(connection, account)
        detail = f"{objects} objects and {rows} rows erased"
        audit.note(connection, datetime.now(UTC), "storer", account, "erase", detail=detail)
    return objects, rows


def _erase_objects(store: ObjectStore, prefix: str) -> int:
    erased = 0
    while keys := list(islice(store.keys(prefix), _KEYS)):
        store.delete(keys)
        erased += len(keys)
    return erased


def _erase_rows(connection: Connection, account: str) -> int:
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
