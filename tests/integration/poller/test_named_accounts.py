"""A poller for named accounts says which of the names are nobody's."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.common.accounts.store import Account, open_accounts
from services.poller.app import _tell_unknown
from services.poller.settings import PollerSettings


def test_a_name_that_is_no_account_is_told(database: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    accounts = open_accounts(database, tmp_path)
    accounts.add(Account(slug="work", host="imap.example.org", user="work@example.org"))
    _tell_unknown(accounts, PollerSettings(accounts="").only)
    _tell_unknown(accounts, PollerSettings(accounts="work").only)
    assert caplog.messages == []
    _tell_unknown(accounts, PollerSettings(accounts="work, wrok").only)
    (line,) = caplog.messages
    assert line.startswith("MAILWEIR_POLLER_ACCOUNTS: there is no account wrok yet")
    accounts.remove("work")
