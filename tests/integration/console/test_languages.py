"""Chinese pages are Chinese: no English text of ours is left on any of them."""

from html.parser import HTMLParser

import pytest
from sqlalchemy import Engine, text

from services.common.database import transaction
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

_NOTED = (
    "UPDATE folders SET last_error = :error WHERE id = :folder",
    "INSERT INTO account_status (account_id, state, signin, detail, advice, sequence) "
    "VALUES (:account, 'attention', :signin, :detail, '', 1) "
    "ON CONFLICT (account_id) DO UPDATE SET signin = excluded.signin, detail = excluded.detail",
)


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


def test_what_the_poller_noted_is_told_in_the_language_of_the_page(people: Cast, database: Engine) -> None:
    values = {"account": OWNED, "folder": f"{OWNED}/1", "error": "network: the connection was lost: OSError"}
    notes = {
        ("ok", "the server marks messages as read although they are only looked at (BODY.PEEK), so no more are "
         "fetched. Tell its operator; to fetch all the same: mailweir accounts set x --set accept_seen=true"):
            "服务器把仅查看过（BODY.PEEK）的邮件标为已读，因此不再取信。请告知服务器管理员；若仍要取信：mailweir",
        ("credential", "the server refused the sign-in: 密码错误"): "服务器拒绝登录: 密码错误",
        ("unknown", "folder pattern 'x*' of account w matches nothing; the server has INBOX, 项目"):
            "账户 w 的文件夹模式 &#39;x*&#39; 没有匹配任何文件夹；服务器上有 INBOX, 项目",
        ("temporary", "what nobody has foreseen"): "what nobody has foreseen",
    }  # fmt: skip
    for (signin, detail), chinese in notes.items():
        with transaction(database) as connection:
            for statement in _NOTED:
                connection.execute(text(statement), {**values, "signin": signin, "detail": detail})
        for path in ("/", f"{ACCOUNT}/progress"):
            shown = people.admin.get(path, headers={"accept-language": "zh-CN"}).text
            assert chinese in shown
            assert ("连接已断开: OSError" in shown) == (path != "/")
            assert detail.partition(" (")[0].partition("'")[0] in people.admin.get(path).text


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/users", {"name": "kim", "password": "short"}),
        ("/users", {"name": "owner", "password": "long enough for all"}),
        ("/accounts", {"user": "", "host": ""}),
        ("/accounts", {"user": "a", "host": "127.0.0.1", "port": "nine"}),
        (f"{ACCOUNT}/settings", {"poll_interval": "never", "daily_bytes": "0"}),
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
