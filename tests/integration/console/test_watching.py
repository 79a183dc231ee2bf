"""Watching: figures that the database explains, shown to those who may see them, with strangers' texts escaped."""

import re
import time

import pytest
from sqlalchemy import Engine, text

from services.common.accounts.providers import profile
from services.common.database import transaction
from services.console import ownership, users
from tests.integration.console.cast import OWNED, Cast
from tests.integration.console.seeds import seed

HOSTILE = "<script>alert(1)</script>\u202etxt\x1b[31m"
PAGES = ("/", f"/accounts/{OWNED}/progress", "/arrivals", "/quarantine", "/dead-letters", "/audit")


@pytest.fixture(scope="module", autouse=True)
def mail(people: Cast, database: Engine) -> None:
    seed(database, [OWNED], folders=2, mail=40)
    hostile = {"text": HOSTILE, "folder": f"{OWNED}/1", "account": OWNED}
    with transaction(database) as connection:
        for statement in (
            "UPDATE folders SET name = :text, last_error = :text WHERE id = :folder",
            "INSERT INTO quarantine (folder_id, epoch, uid, stage, reason, detail) "
            "VALUES (:folder, 1, 42, 'fetch', 'server-refused', :text)",
            'INSERT INTO dead_letters (topic, "partition", "offset", service, error, reason, at, key, value, headers, '
            "account_id) VALUES ('mail.fetched', 0, 7, 'parser', 'not-json', :text, now(), 'k', 'secret body', '[]', "
            ":account)",
            "INSERT INTO account_status (account_id, state, signin, detail, advice, sequence) "
            "VALUES (:account, 'attention', 'refused', :text, :text, 1)",
            "INSERT INTO audit_log (id, at, service, account_id, action, outcome, folder, detail) "
            "VALUES ('hostile', now(), 'poller', :account, 'select', 'ok', :text, :text)",
        ):
            values = {name: value for name, value in hostile.items() if f":{name}" in statement}
            connection.execute(text(statement), values)


@pytest.mark.parametrize("path", PAGES)
def test_texts_of_strangers_are_shown_as_text(people: Cast, path: str) -> None:
    shown = people.owner.get(path)
    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
    assert not re.search("[\x1b\u202e]", shown.text)
    if path != "/arrivals":
        assert "&lt;script&gt;alert(1)" in shown.text


@pytest.mark.parametrize("path", PAGES)
def test_nobody_and_other_users_see_nothing_of_an_account(people: Cast, path: str) -> None:
    assert people.nobody.get(path).status_code == 303
    foreign = people.other.get(path)
    assert foreign.status_code == (404 if "progress" in path else 200)
    assert "alert(1)" not in foreign.text
    assert f">{OWNED}<" not in foreign.text


@pytest.mark.parametrize("path", ["/arrivals", "/quarantine"])
def test_a_foreign_account_as_filter_is_not_found(people: Cast, path: str) -> None:
    assert people.owner.get(path, params={"account": OWNED}).status_code == 200
    assert people.other.get(path, params={"account": OWNED}).status_code == 404


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_carry_no_script_or_style_of_their_own(people: Cast, path: str, language: str) -> None:
    html = people.owner.get(path, headers={"accept-language": language}).text
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", html)


def test_the_overview_says_what_the_view_says(people: Cast, database: Engine) -> None:
    sums = "SELECT sum(listed), sum(stored), sum(pending), sum(missing), sum(quarantined) FROM completeness"
    with transaction(database) as connection:
        listed, stored, pending, missing, barred = connection.execute(text(f"{sums} WHERE account = 'mine'")).one()
    assert (listed, stored, pending, missing, barred) == (84, 80, 2, 1, 1)
    html = people.owner.get("/").text
    row = html[html.index(f'id="to-{OWNED}"') :]
    cells = [int(cell) for cell in re.findall(r'class="number[^"]*" data-label="[^"]*">(\d+)<', row)][:4]
    assert cells == [listed, pending, missing, barred]
    assert 'value="80" max="83"' in row


def test_advice_is_told_in_the_language_and_with_the_buttons_of_the_page(people: Cast, database: Engine) -> None:
    told = profile("generic").advise("credential", account=OWNED)
    assert f"mailweir accounts secret {OWNED}" in told
    statement = text("UPDATE account_status SET advice = :told WHERE account_id = :account RETURNING account_id")
    with transaction(database) as connection:
        assert connection.execute(statement, {"told": told, "account": OWNED}).scalar() == OWNED
    for path in ("/", f"/accounts/{OWNED}/progress"):
        assert "“Replace the secret”" in people.owner.get(path).text
        chinese = people.owner.get(path, headers={"accept-language": "zh"}).text
        assert "服务器拒绝了用户名或密码" in chinese
        assert "mailweir accounts" not in chinese
    with transaction(database) as connection:
        connection.execute(statement, {"told": HOSTILE, "account": OWNED})


def test_a_page_that_is_open_asks_for_its_part_only(people: Cast) -> None:
    part = people.owner.get("/", headers={"hx-request": "true"}).text
    assert "<html" not in part
    assert 'id="live"' in part


def test_arrivals_count_each_message_once(people: Cast) -> None:
    html = people.owner.get("/arrivals", params={"days": 7, "account": OWNED}).text
    assert sum(int(count) for count in re.findall(r"<title>[\d-]+: (\d+)</title>", html)) == 40


def test_a_retry_makes_a_quarantined_message_due_and_is_written_down(people: Cast, database: Engine) -> None:
    entry = {"folder_id": f"{OWNED}/1", "epoch": 1, "uid": 42}
    assert people.other.post("/quarantine/retry", data=entry).status_code == 404
    assert _due(database) is None
    assert people.owner.post("/quarantine/retry", data=entry).status_code == 303
    assert _due(database) is not None
    assert "console-quarantine-retry" in people.owner.get("/audit").text


def _due(database: Engine) -> object:
    with transaction(database) as connection:
        return connection.execute(text("SELECT next_try FROM quarantine WHERE uid = 42")).scalar()


def test_a_dead_letter_shows_its_reason_but_never_its_content(people: Cast, database: Engine) -> None:
    (path,) = re.findall(r'href="(/dead-letters/\d+)"', people.owner.get("/dead-letters").text)
    assert "secret body" not in people.owner.get(path).text
    assert people.other.get(path).status_code == 404
    assert people.other.post(f"{path}/drop").status_code == 404
    refused = people.owner.post(f"{path}/replay")
    assert refused.status_code == 400, "a record that is no event cannot be read a second time either"
    assert "it can only be dropped" in refused.text
    assert people.owner.post(f"{path}/drop").status_code == 303
    assert path not in people.owner.get("/dead-letters").text
    assert path in people.owner.get("/dead-letters", params={"settled": "true"}).text


@pytest.mark.parametrize("query", ["number=0", "number=x", "days=0", "days=9999", "number=" + "9" * 40])
def test_numbers_that_make_no_sense_are_refused(people: Cast, query: str) -> None:
    assert people.owner.get(f"/arrivals?{query}" if "days" in query else f"/audit?{query}").status_code == 422


def test_two_hundred_accounts_with_twenty_folders_each_show_within_200_ms(people: Cast, database: Engine) -> None:
    slugs = [f"many-{number:03}" for number in range(200)]
    seed(database, slugs, folders=20, mail=20)
    owner = users.get(database, "owner")
    for slug in slugs:
        ownership.own(database, owner, slug)
    assert "many-000" in people.owner.get("/").text
    took = [_seconds(people)]
    while min(took) >= 0.2 and len(took) < 100:  # a busy machine may try again
        took.append(_seconds(people))
    assert min(took) < 0.2, took


def _seconds(people: Cast) -> float:
    start = time.perf_counter()
    assert people.owner.get("/").status_code == 200
    return time.perf_counter() - start
