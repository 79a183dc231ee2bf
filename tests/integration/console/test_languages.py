"""Chinese pages are Chinese: no English text of ours is left on any of them."""

from html.parser import HTMLParser

import pytest
from sqlalchemy import Engine

from services.console.texts import load
from tests.integration.console.cast import OWNED, Cast
from tests.integration.console.seeds import seed

ACCOUNT = f"/accounts/{OWNED}"
PATHS = (
    *("/", "/arrivals", "/quarantine", "/dead-letters", "/audit", "/accounts", "/users", "/signin", "/no-such-page"),
    *(ACCOUNT, *(f"{ACCOUNT}/{page}" for page in ("progress", "edit", "folders", "settings", "secret", "remove"))),
    *("/api/imap/config", "/api/imap/config?address=reader@qq.com", f"/authorize/{OWNED}", "/authorize/refused"),
)
SHOWN = ("title", "aria-label", "placeholder", "alt")
DATA = {"ok", "new", "active", "removed"}
"""Values of the database that are also English texts of ours."""


class Said(HTMLParser):
    """Every text of a page that a person can see or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Texts in attributes."""
        self.texts |= {value.strip() for name, value in attrs if name in SHOWN and value}

    def handle_data(self, data: str) -> None:
        """Texts between tags."""
        self.texts.add(data.strip())


@pytest.fixture(scope="module", autouse=True)
def mail(people: Cast, database: Engine) -> None:
    seed(database, [OWNED], folders=2, mail=3)


@pytest.mark.parametrize("path", PATHS)
def test_a_chinese_page_holds_no_english_text_of_ours(people: Cast, path: str) -> None:
    client = people.nobody if path == "/signin" else people.admin
    html = client.get(path, headers={"accept-language": "zh-CN"}).text
    assert '<html lang="zh-CN"' in html
    said = Said()
    said.feed(html)
    english = set(load("en").values()) - set(load("zh").values()) - DATA
    assert said.texts & english == set()
    assert said.texts & set(load("zh").values())


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/users", {"name": "kim", "password": "short"}),
        ("/users", {"name": "owner", "password": "long enough for all"}),
        ("/accounts", {"user": "", "host": ""}),
        ("/accounts", {"user": "a", "host": "127.0.0.1", "port": "nine"}),
        (f"{ACCOUNT}/settings", {"poll_interval": "never", "retention_days": "0"}),
        (f"{ACCOUNT}/secret", {"secret": ""}),
        (f"{ACCOUNT}/remove", {"confirm": "x"}),
        ("/dead-letters/999/replay", {}),
    ],
)
def test_a_refusal_is_told_in_chinese(people: Cast, path: str, sent: dict[str, str]) -> None:
    answer = people.admin.post(path, data=sent, headers={"accept-language": "zh-CN"})
    assert answer.status_code in (400, 404, 422)
    said = Said()
    said.feed(answer.text)
    refusals = {
        key: text for key, text in load("zh").items() if key.split(".")[0] in ("problem", "error", "users", "remove")
    }
    assert said.texts & set(refusals.values())
    assert not [text for text in said.texts if text.count(" ") > 3 and text.isascii()]
