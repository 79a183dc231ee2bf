"""Erasing from a page: it answers at once, the work goes on behind it, over a restart too, and the outcome is told."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from services.cli.accounts_file import apply_file
from services.common.accounts.fields import Account
from services.common.database import transaction
from services.common.errors import ConfigurationError
from services.common.objects import NewObject
from services.common.settings import Settings
from services.common.stores.choice import open_store
from services.console import erasing, ownership, users
from services.console.app import ports_on
from services.console.settings import ConsoleSettings
from services.front import erasing as front
from services.poller.tasks.lease import owner
from services.poller.tasks.lease_rows import PostgresLeases
from tests.integration.console.cast import Cast
from tests.integration.console.seeds import seed
from tests.polling import until

NAME = "old"
PAGE = f"/accounts/{NAME}/erasing"
ELSEWHERE = "another.host:1:1"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "_PATIENCE", 0.3)
    monkeypatch.setattr(erasing, "_AGAIN", 0.3)


@pytest.fixture
def mailbox(people: Cast, database: Engine) -> Iterator[None]:
    """An account of the owner with mail."""
    people.ports.accounts.add(Account(slug=NAME, host="imap.example.org", user="old@example.org"))
    ownership.own(database, users.get(database, "owner"), NAME)
    seed(database, [NAME], folders=1, mail=3)
    yield
    PostgresLeases(database).release(NAME, ELSEWHERE)
    until(lambda: erasing.erasure_of(database, NAME) is None)
    if people.ports.accounts.find(NAME):
        people.ports.accounts.remove(NAME)


def ask(client: httpx.Client) -> httpx.Response:
    return client.post(f"/accounts/{NAME}/remove", data={"confirm": NAME, "erase": "yes"})


def mail_of(database: Engine) -> int:
    with transaction(database) as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM emails WHERE account_id = '{NAME}'")).scalar_one())


def test_the_mail_goes_then_the_account_and_it_is_told_to_who_asked(
    people: Cast, database: Engine, mailbox: None
) -> None:
    begun = datetime.now(UTC)
    assert mail_of(database) == 3
    assert ask(people.owner).headers["location"] == PAGE
    until(lambda: people.ports.accounts.find(NAME) is None)
    until(lambda: erasing.erased_by(database, NAME) == "owner")
    assert mail_of(database) == 0
    assert people.owner.get(PAGE).headers["location"] == "/accounts?done=erased"
    assert people.owner.get(PAGE, headers={"hx-request": "true"}).headers["hx-redirect"] == "/accounts?done=erased"
    assert people.admin.get(PAGE).headers["location"] == "/accounts?done=erased"
    assert people.other.get(PAGE).status_code == 404
    with transaction(database) as connection:
        query = text(f"SELECT action, detail FROM audit_log WHERE account_id = '{NAME}' AND at >= :begun ORDER BY at")
        noted = [tuple(row) for row in connection.execute(query, {"begun": begun})]
    assert [action for action, _ in noted] == ["erase", "console-remove"]
    assert noted[1][1] == "by owner: erased"


ALL_AT_ONCE = """CREATE FUNCTION at_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF EXISTS (SELECT FROM leases WHERE account = OLD.slug)
OR NOT EXISTS (SELECT FROM audit_log WHERE account_id = OLD.slug AND detail = 'by owner: erased')
THEN RAISE 'something is left for later'; END IF; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_once AFTER DELETE ON accounts DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION at_once()"""


def test_an_account_goes_with_its_lease_and_with_the_word_that_it_is_erased(
    people: Cast, database: Engine, mailbox: None
) -> None:
    """Later the lease might be a successor's, and who asked would be told that there is no such account."""
    with transaction(database) as connection:
        connection.execute(text(ALL_AT_ONCE))
    try:
        assert ask(people.owner).status_code == 303
        until(lambda: people.ports.accounts.find(NAME) is None)
    finally:
        with transaction(database) as connection:
            connection.execute(text("DROP FUNCTION at_once CASCADE"))
    assert people.owner.get(PAGE).headers["location"] == "/accounts?done=erased"


def test_what_holds_it_up_is_shown_nothing_else_is_done_meanwhile(
    people: Cast, database: Engine, mailbox: None
) -> None:
    leases = PostgresLeases(database)
    leases.acquire(NAME, ELSEWHERE, 3600)
    assert ask(people.owner).status_code == 303
    until(lambda: "has not let go" in people.owner.get(PAGE).text)
    shown = people.owner.get(PAGE).text
    assert "Messages still stored: 3" in shown
    assert "Asked for by owner" in shown
    assert "尚未停止" in people.owner.get(PAGE, headers={"accept-language": "zh"}).text
    assert people.owner.get(f"/accounts/{NAME}").headers["location"] == PAGE
    assert "is being erased" in people.owner.get("/accounts").text
    assert people.other.get(PAGE).status_code == 404
    for change in ("resume", "sync", "remove"):
        refused = people.owner.post(f"/accounts/{NAME}/{change}", data={"confirm": NAME, "erase": "yes"})
        assert refused.status_code == 409
        assert "nothing else can be done" in refused.text
    assert people.ports.accounts.get(NAME).state == "paused"
    leases.release(NAME, ELSEWHERE)
    until(lambda: people.ports.accounts.find(NAME) is None)


def test_a_retrieval_in_this_very_process_is_waited_for(people: Cast, database: Engine, mailbox: None) -> None:
    """``mailweir console`` retrieves beside its pages: the lease of its own process is not its own to erase by."""
    leases = PostgresLeases(database)
    leases.acquire(NAME, owner(), 3600)
    assert ask(people.owner).status_code == 303
    until(lambda: "has not let go" in people.owner.get(PAGE).text)
    assert mail_of(database) == 3
    leases.release(NAME, owner())
    until(lambda: people.ports.accounts.find(NAME) is None)


def test_objects_go_from_the_bucket_that_the_settings_name(people: Cast, database: Engine, mailbox: None) -> None:
    settings = Settings(home=people.ports.home, s3_bucket="another")
    open_store(settings).put(NewObject(f"{NAME}/messages/2026-01-01/{'0' * 64}.eml", b"x", "message/rfc822"))
    ports = ports_on(database, settings, ConsoleSettings())
    objects, _ = front.erased(ports, NAME, embedded=True)
    assert objects == 1
    assert list(open_store(settings).keys("")) == []


def test_a_store_that_does_not_let_it_know_of_old_versions_is_told_and_tried_again(
    people: Cast, database: Engine, mailbox: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As S3 refuses keys that may not list versions; MinIO takes that right for the same as listing."""

    def refuse(_store: object, prefix: str) -> int:
        raise ConfigurationError(f"{prefix} stays")

    with monkeypatch.context() as patched:
        patched.setattr(type(people.ports.store), "erase", refuse)
        assert ask(people.owner).status_code == 303
        until(lambda: "A setting or a right is missing" in people.owner.get(PAGE).text)
        assert "缺少某项设置或权限" in people.owner.get(PAGE, headers={"accept-language": "zh"}).text
        assert mail_of(database) == 3
    until(lambda: people.ports.accounts.find(NAME) is None)


def test_the_accounts_file_brings_nothing_back_and_takes_no_wish_away(
    people: Cast, database: Engine, mailbox: None, tmp_path: Path
) -> None:
    """The job that applies it runs at every start of the containers, which is how an outage is mended."""
    PostgresLeases(database).acquire(NAME, ELSEWHERE, 3600)
    assert ask(people.owner).status_code == 303
    declared, other = tmp_path / "declared.toml", tmp_path / "other.toml"
    for file, name in ((declared, NAME), (other, "kept")):
        file.write_text(f'[accounts.{name}]\nuser = "{name}@example.org"\nhost = "imap.example.org"\n')
    left = f"account {NAME}: left alone, its mail is being erased, as a page asked"
    assert list(apply_file(people.ports.accounts, declared)) == [left]
    assert "account kept: added" in apply_file(people.ports.accounts, other, prune=True)
    people.ports.accounts.remove("kept")
    assert people.ports.accounts.get(NAME).state == "paused"
    assert erasing.erasure_of(database, NAME) is not None
