"""The properties that docs/commands.md names are those of what the commands print."""

import re
from pathlib import Path

import pytest
from msgspec import Struct

from services.cli.account_folders import _row
from services.cli.account_view import View, as_json
from services.cli.sync_view import as_dict
from services.cli.watch_view import _arrivals, _state
from services.common import errors
from services.common.account_fields import Account
from services.common.completeness import AccountStatus, FolderStatus, LedgerLine, SignInStatus
from services.common.events import AccountReported
from services.common.lookup import Found
from services.common.providers import profile
from services.front import doctor_view
from services.poller.account import Result
from services.poller.doctor_model import Step
from services.poller.imap.model import Folder
from tests.fakes.mail_events import fetched

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
ACCOUNT = Account(slug="work", host="h", user="u")
CHECKED = doctor_view.as_json([Step("lookup", "ok", {})], ACCOUNT, profile("generic"), "en", full=True)
REPORTED = AccountReported(account="w", state="active", signin="ok", sequence=1)


def properties(command: str, says: str) -> set[str]:
    """Those of the row of that command that begins so, or of a row below it."""
    names = [name or ROWS[at - 1][0] or ROWS[at - 2][0] for at, (name, *_) in enumerate(ROWS)]
    (found,) = (row[2] for row, name in zip(ROWS, names, strict=True) if command in name and row[1].startswith(says))
    return set(re.findall(r"`(\w+)`", found))


@pytest.mark.parametrize(
    ("command", "says", "kind"),
    [
        ("`status --json`", "one list", AccountStatus),
        ("`status --json`", "`signin`", SignInStatus),
        ("`status --json`", "each of `folders`", FolderStatus),
        ("`ledger", "a line", LedgerLine),
        ("`search", "a line", Found),
    ],
)
def test_rows_of_structs(command: str, says: str, kind: type[Struct]) -> None:
    assert properties(command, says) == set(kind.__struct_fields__)


@pytest.mark.parametrize(
    ("command", "says", "printed"),
    [
        ("`sync --json`", "a line", as_dict(Result("work"))),
        ("`sync --watch", "a line for each arrival", next(_arrivals([fetched(b"x")]))),
        ("`sync --watch", "a line for each change", _state(REPORTED)),
        ("`accounts list", "one list", as_json(View(ACCOUNT, (), SignInStatus()))),
        ("`accounts folders", "one list", _row(ACCOUNT, Folder(b"INBOX", "INBOX", "/", frozenset()))),
        ("`check", "one object", CHECKED),
        ("`check", "each of", CHECKED["steps"][0]),
    ],
)
def test_rows_of_objects(command: str, says: str, printed: dict[str, object]) -> None:
    assert properties(command, says) == set(printed)


def test_each_exit_code_of_an_error_is_explained() -> None:
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    told = {int(row[0]) for row in ROWS if row[0].isdigit()}
    assert told == codes | {0}
