"""Which folders count as those whose last report is lost: those alone that the next pass reports again."""

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
        assert untold.count(bench, name) == lost
