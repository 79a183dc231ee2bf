"""The properties that docs/commands.md names are those of what the commands print."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from infra.local import stack
from services.cli import users as users_command
from services.cli.account_folders import _row
from services.cli.account_view import View, as_json
from services.cli.main import cli
from services.cli.stack import _facts
from services.cli.sync_view import as_dict
from services.cli.watch_view import _arrivals, _state
from services.common import errors
from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.completeness import AccountStatus, FolderStatus, LedgerLine, SignInStatus
from services.common.events import AccountReported
from services.common.lookup import Found
from services.console.users import User
from services.front import doctor_view
from services.poller.doctor.model import Step
from services.poller.domain.state import FolderRecord, Outcome
from services.poller.imap.model import Folder
from services.poller.tasks.account import Result
from tests.commands_page import ROWS, commands, properties, with_json
from tests.fakes.mail_events import fetched

ACCOUNT = Account(slug="work", host="h", user="u")
CHECKED = doctor_view.as_json([Step("lookup", "ok", {})], ACCOUNT, profile("generic"), "en", full=True)
FOLDER = FolderRecord(id="f", account="work", wire=b"INBOX", name="INBOX")
SYNCED: dict[str, Any] = as_dict(Result("work", (Outcome(FOLDER, 0, 0, 0, 0),)))
REPORTED = AccountReported(account="w", state="active", signin="ok", sequence=1)


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
        ("`sync --json`", "a line", SYNCED),
        ("`sync --json`", "each of", SYNCED["folders"][0]),
        ("`sync --watch", "a line for each arrival", next(_arrivals([fetched(b"x")]))),
        ("`sync --watch", "a line for each change", _state(REPORTED)),
        ("`accounts list", "one list", as_json(View(ACCOUNT, (), SignInStatus()))),
        ("`accounts folders", "one list", _row(ACCOUNT, Folder(b"INBOX", "INBOX", "/", frozenset()))),
        ("`check", "one object", CHECKED),
        ("`check", "each of", CHECKED["steps"][0]),
        ("`users list", "one list", users_command._row(User(1, "ann", "user"), ["work"])),
    ],
)
def test_rows_of_objects(command: str, says: str, printed: dict[str, object]) -> None:
    assert properties(command, says) == set(printed)


def test_the_rows_of_the_stack(tmp_path: Path) -> None:
    facts: dict[str, Any] = _facts(stack.describe(tmp_path, ("kafka", "minio", "postgres")))
    assert properties("`stack status", "one object") == set(facts)
    each = [*facts["components"].values(), *facts["services"].values()]
    assert properties("`stack status", "each of both") == {name for one in each for name in one}


def test_every_command_with_json_has_a_row_and_no_other() -> None:
    assert set(commands()) == set(with_json(cli))


def test_each_exit_code_of_an_error_is_explained() -> None:
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    told = {int(row[0]) for row in ROWS if row[0].isdigit()}
    assert told == codes | {0}
