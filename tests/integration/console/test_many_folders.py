"""Accounts with thousands of folders: their choice can be sent, and pages stay short."""

import re
import time

import pytest
from sqlalchemy import Engine, text

from services.common.accounts.fields import Account
from services.common.database import transaction
from services.console import ownership, users
from services.console.memory import mailbox_of
from services.poller.imap.model import Folder
from tests.integration.console.cast import OWNED, Cast
from tests.integration.console.seeds import seed

NAMES = [f"项目{number:04}/合同与发票归档文件夹名字" for number in range(3_000)]


@pytest.fixture
def listed(people: Cast) -> None:
    """The server of the account has all these folders."""
    account = people.ports.accounts.get(OWNED)
    people.ports.memory.listings[mailbox_of(account)] = [Folder(name.encode(), name) for name in NAMES]


def test_thousands_of_folders_are_chosen_one_by_one(people: Cast, listed: None) -> None:
    sent = people.owner.post(f"/accounts/{OWNED}/folders", data={"folder": NAMES})
    assert (sent.status_code, sent.headers.get("location")) == (303, f"/accounts/{OWNED}?done=folders")
    assert people.ports.accounts.get(OWNED).settings.include == tuple(NAMES)
    start = time.process_time()
    page = people.owner.get(f"/accounts/{OWNED}/folders").text
    assert time.process_time() - start < 5
    assert page.count(" checked") == len(NAMES)


def test_thousands_of_accounts_are_given_to_a_user(people: Cast) -> None:
    slugs = [f"account-{number:04}" for number in range(1_500)]
    insert = text(
        "INSERT INTO accounts (slug, host, port, tls, username, auth, provider, settings, state, version) "
        "SELECT slug, 'imap.example.org', 993, 'implicit', slug, 'auto', 'generic', '{}', 'paused', 0 "
        "FROM unnest(CAST(:slugs AS text[])) AS slug"
    )
    other = users.get(people.ports.engine, "other")
    with transaction(people.ports.engine) as connection:
        connection.execute(insert, {"slugs": slugs})
    csrf = people.admin.headers["x-csrf-token"]
    for headers in ({}, {"x-csrf-token": ""}):
        sent = people.admin.post(f"/users/{other.id}/accounts", data={"csrf": csrf, "account": slugs}, headers=headers)
        assert sent.status_code == 303
        assert ownership.visible(people.ports.engine, other) == slugs
    with transaction(people.ports.engine) as connection:
        connection.execute(text("DELETE FROM accounts WHERE slug = ANY(:slugs)"), {"slugs": slugs})


def test_figures_of_many_folders_come_in_pages_with_what_is_wrong_first(people: Cast, database: Engine) -> None:
    people.ports.accounts.add(Account(slug="wide", host="imap.example.org", user="wide@example.org"))
    ownership.own(database, users.get(database, "owner"), "wide")
    seed(database, ["wide"], folders=450, mail=1)
    with transaction(database) as connection:
        whole = "UPDATE folder_ledger SET listed = '{[1,2)}', published = '{[1,2)}' WHERE folder_id LIKE 'wide/%'"
        connection.execute(text(whole))
        connection.execute(text("UPDATE folders SET last_error = 'it broke' WHERE id = 'wide/450'"))
    shown = [_folders(people, number) for number in (1, 2, 3)]
    assert [len(names) for names in shown] == [200, 200, 50]
    assert shown[0][0] == "Folder 450"
    assert len(set().union(*shown)) == 450
    assert _folders(people, 99) == shown[2]


def _folders(people: Cast, number: int) -> list[str]:
    page = people.owner.get("/accounts/wide/progress", params={"number": number}).text
    return re.findall(r"wrap-anywhere\">(Folder \d+)<", page)


def test_a_page_beyond_the_last_one_is_the_last_one(people: Cast) -> None:
    beyond = people.owner.get("/", params={"number": 99})
    assert "No account yet" not in beyond.text
    assert f'id="to-{OWNED}"' in beyond.text
