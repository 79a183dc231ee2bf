"""A name that an account had before leads nobody to what another user had under it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from services.common.accounts.fields import Account
from services.console import ownership, users
from services.console.memory import mailbox_of
from services.poller.imap.model import Folder
from services.storer.erase import erase_account
from tests.integration.console.cast import Cast
from tests.integration.console.seeds import seed

FORM = {"user": "me@mail.example.org", "host": "imap.example.org", "port": "993", "name": "old", "secret": "s"}
PRIVATE = "Divorce papers"


@pytest.fixture(autouse=True)
def public(people: Cast) -> Iterator[None]:
    """Names have public addresses, and the account of each test is its own."""

    async def known(host: str, port: int) -> list[str]:
        return ["8.8.8.8"]

    object.__setattr__(people.ports, "resolver", known)
    yield
    if people.ports.accounts.find("old") is not None:
        people.ports.accounts.remove("old")
    erase_account(people.ports, "old")


@pytest.fixture
def removed(people: Cast, database: Engine) -> None:
    """The owner had an account with mail and removed it; its mail stays."""
    assert people.owner.post("/accounts", data=FORM).status_code == 303
    seed(database, ["old"], folders=1, mail=2)
    listing = [Folder(PRIVATE.encode(), PRIVATE)]
    people.ports.memory.listings[mailbox_of(people.ports.accounts.get("old"))] = listing
    answer = people.owner.post("/accounts/old/remove", data={"confirm": "old"})
    assert answer.headers["location"] == "/accounts?done=removed"


def test_mail_that_stayed_is_not_another_users(people: Cast, removed: None) -> None:
    refused = people.other.post("/accounts", data=FORM)
    assert refused.status_code == 422
    assert "earlier account of this name" in refused.text
    assert "以前账户" in people.other.post("/accounts", data=FORM, headers={"accept-language": "zh"}).text
    assert people.ports.accounts.find("old") is None


def test_who_removed_an_account_may_have_it_again(people: Cast, removed: None) -> None:
    assert people.owner.post("/accounts", data=FORM).status_code == 303
    assert people.owner.get("/accounts/old/progress").text.count("Folder 1") == 1


def test_an_administrator_may_have_it_too(people: Cast, removed: None) -> None:
    assert people.admin.post("/accounts", data=FORM).status_code == 303


def test_a_name_that_another_had_after_them_is_not_theirs_again(people: Cast, removed: None) -> None:
    assert people.admin.post("/accounts", data=FORM).status_code == 303
    people.ports.accounts.remove("old")
    assert people.owner.post("/accounts", data=FORM).status_code == 422


def test_an_erased_name_is_free(people: Cast, removed: None) -> None:
    erase_account(people.ports, "old")
    assert people.other.post("/accounts", data=FORM).status_code == 303


def test_folders_that_a_server_listed_belong_to_that_mailbox(people: Cast) -> None:
    before = Account(slug="old", host="imap.example.org", user="me@mail.example.org")
    people.ports.memory.listings[mailbox_of(before)] = [Folder(PRIVATE.encode(), PRIVATE)]
    assert people.other.post("/accounts", data=FORM).status_code == 303
    assert PRIVATE not in people.other.get("/accounts/old/folders").text
    people.ports.memory.listings[mailbox_of(before)] = [Folder(PRIVATE.encode(), PRIVATE)]
    assert PRIVATE in people.other.get("/accounts/old/folders").text
    ownership.own(people.ports.engine, users.get(people.ports.engine, "owner"), "old")
    moved = FORM | {"user": "you@mail.example.org", "account": "old"}
    assert people.owner.post("/accounts/old/edit", data=moved).status_code == 303
    assert PRIVATE not in people.owner.get("/accounts/old/folders").text
