"""The account pages as plain forms: what a browser without scripts sends, and what is stored."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.common.guard import parse_allowed
from services.common.secret import Secret
from services.console import ownership, users
from services.front.account_input import Typed, changed_account
from services.storer.erase import erase_account
from tests.integration.console.cast import OWNED, PASSWORD, Cast
from tests.integration.console.seeds import seed
from tests.polling import until

CANARY = "canary-secret-Kx7"
NEW = {"user": "me@mail.example.org", "host": "imap.example.org", "port": "993", "tls": "implicit", "auth": "auto"}


@pytest.fixture(autouse=True)
def public_names(people: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that knows public addresses without a network."""

    async def known(host: str, port: int) -> list[str]:
        return {
            "imap.example.org": ["8.8.8.8"],
            "imap.example.net": ["8.8.4.4"],
            "inside.example.org": ["10.1.2.3"],
        }.get(host, [])

    object.__setattr__(people.ports, "resolver", known)
    people.ports.budget.started.clear()
    yield
    for account in people.ports.accounts.list():
        if account.slug != OWNED:
            people.ports.accounts.remove(account.slug)
            erase_account(people.ports, account.slug)


def added(people: Cast, **values: str) -> str:
    """The name of an account that the owner added by the form."""
    answer = people.owner.post("/accounts", data=NEW | {"name": "extra", "secret": CANARY} | values)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].split("/")[2]


def test_a_new_account_is_the_users_own_and_asks_for_its_folders_next(people: Cast) -> None:
    answer = people.owner.post("/accounts", data=NEW | {"secret": CANARY})
    assert answer.headers["location"] == "/accounts/me-mail.example.org/folders?done=added"
    owner = users.find(people.ports.engine, "owner")
    assert owner is not None
    assert ownership.visible(people.ports.engine, owner) == ["me-mail.example.org", OWNED]
    assert people.ports.accounts.get_secret("me-mail.example.org") == Secret(CANARY)
    assert "me-mail.example.org" in people.owner.get("/accounts").text
    assert "me-mail.example.org" not in people.other.get("/accounts").text


def test_the_poller_keeps_to_public_addresses_for_what_a_page_added(people: Cast) -> None:
    store = people.ports.accounts
    name = added(people)
    assert store.get(name).settings.public_only
    assert store.update(changed_account(store.get(name), Typed(pairs=("public_only=",))))
    form = NEW | {"name": name, "code_expires": "2027-01-31"}
    assert people.owner.post(f"/accounts/{name}/edit", data=form).status_code == 303
    assert not store.get(name).settings.public_only
    form |= {"host": "imap.example.net", "proof": PASSWORD}
    assert people.owner.post(f"/accounts/{name}/edit", data=form).status_code == 303
    assert store.get(name).settings.public_only


def test_a_name_that_the_operator_vouches_for_may_lead_inside(people: Cast) -> None:
    object.__setattr__(people.ports, "allowed", parse_allowed("inside.example.org@10.0.0.0/8"))
    try:
        name = added(people, host="inside.example.org")
    finally:
        object.__setattr__(people.ports, "allowed", ())
    assert not people.ports.accounts.get(name).settings.public_only


def test_a_new_account_retrieves_nothing_before_its_folders_are_chosen(people: Cast) -> None:
    name, store = added(people), people.ports.accounts
    assert store.get(name).state == "paused"
    assert f'href="/accounts/{name}/folders"' in people.owner.get(f"/accounts/{name}").text
    assert people.owner.post(f"/accounts/{name}/secret", data={"secret": CANARY}).headers["location"] == (
        f"/accounts/{name}/folders?done=secret"
    )
    waiting = people.owner.get(f"/accounts/{name}/folders?done=added").text
    assert "nothing is retrieved before" in waiting
    chosen = people.owner.post(f"/accounts/{name}/folders", data={"future": "yes", "start": "yes"})
    assert chosen.headers["location"] == f"/accounts/{name}?done=started"
    assert store.get(name).state == "active"


def test_another_choice_of_folders_leaves_a_paused_account_paused(people: Cast) -> None:
    name = added(people)
    seed(people.ports.engine, [name], folders=1, mail=1)
    form = people.owner.get(f"/accounts/{name}/folders").text
    assert 'name="start" value="yes">' in form
    chosen = people.owner.post(f"/accounts/{name}/folders", data={"future": "yes"})
    assert chosen.headers["location"] == f"/accounts/{name}?done=folders"
    assert people.ports.accounts.get(name).state == "paused"


def test_an_address_fills_the_form(people: Cast) -> None:
    page = people.owner.get("/api/imap/config", params={"address": "reader@qq.com"}).text
    assert 'value="imap.qq.com"' in page
    assert "授权码" in page
    assert "mailweir accounts" not in page
    chinese = people.owner.get(
        "/api/imap/config", params={"address": "reader@gd.chinamobile.com"}, headers={"accept-language": "zh"}
    ).text
    assert 'value="imap.gd.chinamobile.com"' in chinese
    assert "生成授权码" in chinese


BAD = [
    {"host": ""}, {"host": "127.0.0.1"}, {"host": "169.254.169.254"}, {"host": "[::1]"}, {"host": "2130706433"},
    {"host": "inside.example.org"}, {"host": "unknown.example.org"}, {"port": "25"}, {"port": "nine"}, {"port": "0"},
    {"host": "imap.example.org\r\nx"}, {"user": "me\r\nA1 LOGOUT"}, {"name": "a\nb"}, {"name": "a\n"}, {"tls": "none"},
    {"auth": "ntlm"}, {"secret": "two\r\nlines"}, {"code_expires": "soon"}, {"name": OWNED},
]  # fmt: skip


@pytest.mark.parametrize("wrong", BAD, ids=str)
def test_a_wrong_field_is_named_and_the_others_survive(people: Cast, wrong: dict[str, str]) -> None:
    before = len(people.ports.accounts.list())
    answer = people.owner.post("/accounts", data=NEW | {"name": "extra", "secret": CANARY} | wrong)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert CANARY not in answer.text
    if "user" not in wrong:
        assert 'value="me@mail.example.org"' in answer.text
    assert len(people.ports.accounts.list()) == before


def test_an_account_is_paused_resumed_and_asked_to_look_now(people: Cast) -> None:
    name = added(people)
    for action, state in (("pause", "paused"), ("resume", "active")):
        assert people.owner.post(f"/accounts/{name}/{action}").status_code == 303
        assert people.ports.accounts.get(name).state == state
    before = people.ports.accounts.marker()
    assert people.owner.post(f"/accounts/{name}/sync").headers["location"].endswith("done=asked")
    assert people.ports.accounts.marker() > before
    assert [people.owner.post(f"/accounts/{name}/sync").status_code for _ in range(5)][-1] == 429


def test_another_user_needs_the_own_password_and_clears_the_secret(people: Cast) -> None:
    name, engine = added(people), people.ports.engine
    old = people.ports.clock.now() - timedelta(minutes=6)
    with engine.begin() as connection:
        connection.execute(text("UPDATE console_sessions SET proved_at = :old"), {"old": old})
    moved = NEW | {"user": "other@mail.example.org"}
    asked = people.owner.post(f"/accounts/{name}/edit", data=moved)
    assert asked.status_code == 422
    assert 'name="proof"' in asked.text
    assert 'value="other@mail.example.org"' in asked.text
    assert people.ports.accounts.get(name).user == "me@mail.example.org"
    assert people.owner.post(f"/accounts/{name}/edit", data=moved | {"proof": "wrong"}).status_code == 422
    assert people.owner.get(f"/accounts/{name}/secret").status_code == 403
    done = people.owner.post(f"/accounts/{name}/edit", data=moved | {"proof": PASSWORD})
    assert done.headers["location"] == f"/accounts/{name}/secret?done=saved"
    assert people.ports.accounts.get_secret(name) is None
    assert people.owner.post(f"/accounts/{name}/secret", data={"secret": CANARY}).status_code == 303
    assert people.ports.accounts.get_secret(name) == Secret(CANARY)


def test_settings_are_stored_or_told_with_what_was_typed(people: Cast) -> None:
    name = added(people)
    path = f"/accounts/{name}/settings"
    typed = {"poll_interval": "5m", "include": "INBOX\r\n工作/*", "max_message_bytes": "8MiB", "daily_bytes": "30"}
    assert people.owner.post(path, data=typed).headers["location"] == f"/accounts/{name}?done=saved"
    settings = people.ports.accounts.get(name).settings
    assert (settings.poll_interval, settings.include, settings.max_message_bytes, settings.daily_bytes) == (
        300, ("INBOX", "工作/*"), 8 << 20, 30,
    )  # fmt: skip
    refused = people.owner.post(path, data={"poll_interval": "never", "daily_bytes": "60"})
    assert refused.status_code == 422
    assert 'value="never"' in refused.text
    assert 'value="60"' in refused.text
    assert people.ports.accounts.get(name).settings.daily_bytes == 30
    chinese = people.owner.post(path, data={"poll_interval": "never"}, headers={"accept-language": "zh"})
    assert "请填写时间" in chinese.text
    assert "console-settings" in people.owner.get("/audit", params={"account": name}).text


def test_removing_wants_the_name_typed(people: Cast) -> None:
    name = added(people)
    refused = people.owner.post(f"/accounts/{name}/remove", data={"confirm": "ext"})
    assert refused.status_code == 422
    assert people.ports.accounts.find(name) is not None
    done = people.owner.post(f"/accounts/{name}/remove", data={"confirm": name, "erase": "yes"})
    assert done.headers["location"] == f"/accounts/{name}/erasing"
    until(lambda: people.ports.accounts.find(name) is None)


@pytest.mark.parametrize("page", ["", "/edit", "/secret", "/folders", "/settings", "/remove"])
def test_pages_of_an_account_are_the_owners(people: Cast, page: str) -> None:
    assert people.owner.get(f"/accounts/{OWNED}{page}").status_code == 200
    assert people.other.get(f"/accounts/{OWNED}{page}").status_code == 404
    assert people.nobody.get(f"/accounts/{OWNED}{page}").status_code == 303
