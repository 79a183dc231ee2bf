"""Columns that somebody drops, and of which nobody knows what stood there."""

import pytest

from services.common.database import Refused
from tests.integration.commands.conftest import Home

FOLDER = (
    "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'INBOX', 'active');"
    "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed) VALUES ('work-INBOX', 1, 7, '{[1,3)}');"
    "INSERT INTO leases VALUES ('work', 'nobody', 1, now());"
    "INSERT INTO place_states (folder_id, uidvalidity, uid, sequence) VALUES ('work-INBOX', 7, 9, 1)"
)
AUDIT = (
    "INSERT INTO audit_log (id, at, service, account_id, action, outcome, detail) "
    "VALUES ('a1', now(), 'cli', 'work', 'list', 'ok', '')"
)


@pytest.mark.parametrize(
    ("table", "column"),
    [("folder_ledger", "epoch"), ("folders", "account"), ("leases", "token"), ("place_states", "sequence")],
)
async def test_a_table_whose_rows_are_found_again_starts_empty(stored: Home, table: str, column: str) -> None:
    stored.change(FOLDER)
    stored.change(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")
    assert stored.run("repair", "--offline").exit_code == 0
    assert stored.value(f"SELECT count({column}) FROM {table}") == 0
    assert stored.value("SELECT count(*) FROM email_places") == 4


async def test_a_table_that_nobody_can_fill_again_is_named_and_left_alone(stored: Home) -> None:
    stored.change(AUDIT)
    stored.change("ALTER TABLE audit_log DROP COLUMN outcome")
    with pytest.raises(Refused, match=r"dropped columns of audit_log \(outcome\): bring the table back"):
        stored.run("repair", "--offline")
    assert stored.value("SELECT action FROM audit_log") == "list"
    stored.change("TRUNCATE audit_log")
    assert stored.run("repair", "--offline").exit_code == 0
    stored.change(AUDIT)
