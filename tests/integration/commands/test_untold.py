"""Which folders and accounts count as those whose last report, or ledger, is lost: those that the next pass mends."""

import pytest

from services.cli.mending import untold, workbench
from tests.integration.commands.conftest import Home

REPORTED = (
    "INSERT INTO email_sync_status SELECT account, id, name, name, 1, 1, 0, 0, 0, 0, 0, 0, now(), NULL, NULL, NULL, "
    "'active', 1 FROM folders"
)
PAUSED = "UPDATE accounts SET state = 'paused'"


@pytest.mark.parametrize(
    ("name", "changed", "lost"),
    [
        (None, "SELECT 1", 1),
        ("work", "SELECT 1", 1),
        ("other", "SELECT 1", 0),
        (None, REPORTED, 0),
        (None, PAUSED, 0),
        (None, "UPDATE folders SET state = 'gone'", 0),
        (None, "UPDATE folders SET uidvalidity = NULL", 0),
        (None, "UPDATE folders SET pass_at = NULL", 0),
        (None, "UPDATE folders SET last_error = 'refused'", 0),
    ],
)
async def test_a_folder_that_was_read_and_has_no_report_is_told(
    home: Home, account: str, name: str | None, changed: str, lost: int
) -> None:
    home.change(
        "INSERT INTO folders (id, account, wire, name, state, uidvalidity, pass_at) "
        f"VALUES ('{account}-INBOX', '{account}', 'INBOX', 'INBOX', 'active', 1, now())"
    )
    home.change(changed)
    with workbench.bench(home.context.engine) as bench:
        assert untold.counted(bench, name)["untold"] == lost


LEDGER = (
    "INSERT INTO folders (id, account, wire, name, state, epoch) VALUES ('work-INBOX', 'work', 'a', 'a', 'active', 2);"
    "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published) "
    "VALUES ('work-INBOX', {}, 1700000000, '{{[1,3)}}', '{{[1,3)}}')"
)


@pytest.mark.parametrize(
    ("name", "changed", "lost"),
    [
        (None, "SELECT 1", 1),
        ("work", "SELECT 1", 1),
        ("other", "SELECT 1", 0),
        (None, LEDGER.format(2), 0),
        (None, LEDGER.format(1), 1),  # of an epoch before
        (None, PAUSED, 0),
        (None, "UPDATE email_sync_status SET state = 'gone'", 0),
        (None, "UPDATE email_sync_status SET listed = 0", 0),
    ],
)
async def test_a_folder_that_held_mail_and_has_no_ledger_is_told(
    home: Home, account: str, name: str | None, changed: str, lost: int
) -> None:
    home.change(
        f"INSERT INTO email_sync_status VALUES ('{account}', '{account}-INBOX', 'a', 'a', 1, 1, 0, 1, 0, 0, 0, 0, "
        "now(), NULL, NULL, NULL, 'active', 1)"
    )
    home.change(changed)
    with workbench.bench(home.context.engine) as bench:
        assert untold.counted(bench, name)["unlisted"] == lost


@pytest.mark.parametrize(
    ("name", "changed", "lost"),
    [
        (None, "SELECT 1", 1),
        ("work", "SELECT 1", 1),
        ("other", "SELECT 1", 0),
        (None, "INSERT INTO account_status VALUES ('work', 'ok', 'ok', '', '', NULL, NULL, 1)", 0),
        (None, PAUSED, 0),
        (None, "UPDATE folders SET pass_at = NULL", 0),
    ],
)
async def test_an_account_that_was_read_and_has_no_report_is_told(
    home: Home, account: str, name: str | None, changed: str, lost: int
) -> None:
    home.change(
        "INSERT INTO folders (id, account, wire, name, state, uidvalidity, pass_at) "
        f"VALUES ('{account}-INBOX', '{account}', 'INBOX', 'INBOX', 'active', 1, now())"
    )
    home.change(changed)
    with workbench.bench(home.context.engine) as bench:
        assert untold.counted(bench, name)["silent"] == lost
