"""What strangers say (servers, senders, folder names) is shown as text on every page and changes no page's markup."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import Engine, text

from services.common.database import transaction
from tests.integration.console.cast import OWNED, Cast
from tests.integration.console.seeds import seed

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onfocus='alert(1)' autofocus='",
    '" x-data="{a: alert(1)}" x-init="alert(1)',
    "<div x-on:click=alert(1) @click=alert(1) :class=x>",
    '<a hx-get="/users" hx-trigger="load">',
    '" hx-post="/accounts/mine/remove" hx-trigger="load" data-x="',
    "</textarea></select></title></table><h1>",
    "{{7*7}} {% raw %} ${7*7} #{7*7}",
    "javascript:alert(1)",
    "line\r\nSet-Cookie: a=b\r\n\r\n<html>",
    "invoice\u202efdp.exe\u2066\u200f",
    "\x1b[31mred\x07\x9b1m",
    "-->]]><!--",
    "&lt;b&gt;&amp;",
)
SAID = (
    "UPDATE folders SET name = :text, last_error = :text, special_use = :text WHERE account = :account",
    "UPDATE quarantine SET reason = :text, detail = :text",
    "UPDATE dead_letters SET topic = :text, error = :text, reason = :text, service = :text",
    "UPDATE account_status SET detail = :text, advice = :text",
    "UPDATE audit_log SET action = :text, outcome = :text, folder = :text, uids = :text, detail = :text "
    "WHERE id = 'stranger'",
)
ROWS = (
    "INSERT INTO quarantine (folder_id, epoch, uid, stage, reason, detail) VALUES (:folder, 1, 42, 'fetch', 'x', 'x')",
    'INSERT INTO dead_letters (topic, "partition", "offset", service, error, reason, at, key, headers, account_id) '
    "VALUES ('mail.fetched', 0, 7, 'parser', 'x', 'x', now(), 'k', '[]', :account)",
    "INSERT INTO account_status (account_id, state, signin, detail, advice, sequence) "
    "VALUES (:account, 'attention', 'refused', 'x', 'x', 1)",
    "INSERT INTO audit_log (id, at, service, account_id, action, outcome, detail) "
    "VALUES ('stranger', now(), 'poller', :account, 'x', 'x', 'x')",
)
PATHS = ("/", f"/accounts/{OWNED}/progress", f"/accounts/{OWNED}/folders", "/quarantine", "/dead-letters", "/audit")


class Markup(HTMLParser):
    """Elements with the names of their attributes, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        """Some text."""
        self.text += data


def markup(html: str) -> Markup:
    found = Markup()
    found.feed(html)
    return found


@pytest.fixture(scope="module", autouse=True)
def plain(people: Cast, database: Engine) -> dict[str, Markup]:
    """Each page while strangers say harmless things."""
    seed(database, [OWNED], folders=2, mail=3)
    _change(database, ROWS, folder=f"{OWNED}/1", account=OWNED)
    _change(database, SAID, account=OWNED, text="harmless")
    return {path: markup(people.owner.get(path).text) for path in _paths(people)}


def _change(database: Engine, statements: tuple[str, ...], **values: Any) -> None:
    with transaction(database) as connection:
        for statement in statements:
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), used)


def _paths(people: Cast) -> tuple[str, ...]:
    letters = re.findall(r'href="(/dead-letters/\d+)"', people.owner.get("/dead-letters").text)
    return (*PATHS, *letters)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_said_changes_no_markup(people: Cast, database: Engine, plain: dict[str, Markup], payload: str) -> None:
    _change(database, SAID, account=OWNED, text=payload)
    for path, before in plain.items():
        answer = people.owner.get(path)
        assert answer.status_code == 200, path
        found = markup(answer.text)
        assert found.elements == before.elements, path
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", found.text)
        assert payload.split(maxsplit=1)[0].strip("\x1b")[:7] in found.text, path
        assert "set-cookie" not in answer.headers
