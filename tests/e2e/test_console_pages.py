"""Every page of the console in a real browser: both sizes, both themes, both languages, nothing from elsewhere."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, text

from infra import assets
from services.common.database import engine_for, transaction
from services.console import users
from tests.e2e.browser import chromium
from tests.e2e.pages import covered, overflows, violations, window
from tests.integration.console.cast import OWNED, Cast, cast
from tests.integration.console.seeds import seed

ACCOUNT = f"/accounts/{OWNED}"
PAGES = (
    *("/", f"{ACCOUNT}/progress", "/arrivals", "/quarantine", "/dead-letters", "/dead-letters/1", "/audit"),
    *(
        "/accounts",
        ACCOUNT,
        f"{ACCOUNT}/folders",
        f"{ACCOUNT}/settings",
        f"{ACCOUNT}/secret",
        f"{ACCOUNT}/remove",
        "/api/imap/config",
    ),
    *(f"/api/imap/config?account={OWNED}", "/api/imap/config?address=reader@qq.com", "/users", "/no-such-page"),
)
LOOKS = (("light", 1280, "en-GB"), ("dark", 1280, "zh-CN"), ("light", 390, "zh-CN"), ("dark", 320, "en-GB"))
FIRST_PAGE = 150_000
_EVENTS = (
    "INSERT INTO quarantine (folder_id, epoch, uid, stage, reason, detail) "
    "VALUES (:folder, 1, 42, 'fetch', 'server-refused', 'NO [SERVERBUG] 邮件读取失败')",
    'INSERT INTO dead_letters (topic, "partition", "offset", service, error, reason, at, key, headers, account_id) '
    "VALUES ('mail.fetched', 0, 7, 'parser', 'not-json', 'the value is no JSON', now(), 'k', '[]', :account)",
    "UPDATE folders SET name = '工作/发票与报销', last_error = 'the server closed the connection' WHERE id = :folder",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def people(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    assets.build()
    with cast(database, tmp_path_factory.mktemp("console")) as playing:
        seed(database, [OWNED], folders=4, mail=60)
        values = {"folder": f"{OWNED}/1", "account": OWNED}
        with transaction(database) as connection:
            for statement in _EVENTS:
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                connection.execute(text(statement), used)
        yield playing


@pytest.mark.parametrize(("theme", "width", "lang"), LOOKS)
def test_pages_are_accessible_and_stay_at_home(
    browser: Browser, people: Cast, tmp_path: Path, theme: str, width: int, lang: str
) -> None:
    cookies = dict(people.admin.cookies)
    with window(browser, people.address, cookies, width, theme, lang) as shown:
        for path in (*PAGES, f"/users/{users.get(people.ports.engine, 'owner').id}/accounts"):
            page = shown.open(path)
            page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-') or 'overview'}.png", full_page=True)
            assert violations(page) == [], path
            assert not overflows(page), path
            assert covered(page) == [], path
    assert shown.strayed == []
    assert [said for said in shown.complaints if "404" not in said] == []


@pytest.mark.parametrize(("theme", "width", "lang"), LOOKS[::3])
def test_the_dialog_tells_a_problem_beside_its_field(
    browser: Browser, people: Cast, theme: str, width: int, lang: str
) -> None:
    with window(browser, people.address, dict(people.owner.cookies), width, theme, lang) as shown:
        page = shown.open("/accounts")
        page.locator("main a.btn-primary").click()
        assert violations(page) == []
        page.locator("#address").fill("reader@qq.com")
        page.keyboard.press("Enter")
        host, problem = page.locator("#field-host"), page.locator("#problem-host")
        expect(host).to_have_value("imap.qq.com")
        assert violations(page) == []
        host.fill("not a host")
        page.locator("#field-secret").fill("half filled")
        page.locator("button[hx-post]").click()
        expect(problem).to_be_visible()
        expect(host).to_be_focused()
        expect(host).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#field-secret")).to_have_value("half filled")
        assert violations(page) == []
        assert not overflows(page)
        host.fill("127.0.0.1")
        page.locator("button[hx-post]").click()
        expect(problem).to_be_hidden()
        expect(host).not_to_have_attribute("aria-invalid", "true")
        expect(page.locator("[data-result]")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("main a.btn-primary")).to_be_focused()
    assert shown.strayed == []


def test_the_sign_in_page_is_accessible(browser: Browser, people: Cast) -> None:
    for theme, width, lang in LOOKS:
        with window(browser, people.address, {}, width, theme, lang) as shown:
            assert violations(shown.open("/signin")) == []
            assert shown.strayed == []


def test_the_first_page_is_small(people: Cast) -> None:
    with httpx.Client(base_url=people.address, headers={"accept": "text/html"}) as client:
        page = client.get("/signin")
        names = [name for name in assets.BUILT if name in page.text]
        sizes = [len(page.content)] + [_sent(client, f"/static/{name}") for name in names]
    assert sorted(names) == sorted(assets.BUILT)
    assert sum(sizes) < FIRST_PAGE


def _sent(client: httpx.Client, path: str) -> int:
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as response:
        assert response.headers["content-encoding"] == "gzip"
        return sum(len(chunk) for chunk in response.iter_raw())


def test_an_open_overview_follows_what_happens(browser: Browser, people: Cast, database: Engine) -> None:
    with window(browser, people.address, dict(people.owner.cookies)) as shown:
        page = shown.open("/")
        bar = page.locator("progress").first
        before = int(bar.get_attribute("value") or 0)
        with transaction(database) as connection:
            connection.execute(
                text("DELETE FROM email_places WHERE folder_id = :folder AND uid = 1"), {"folder": f"{OWNED}/2"}
            )
        page.wait_for_function("before => document.querySelector('progress').value < before", arg=before)
    assert shown.complaints == []


@pytest.fixture
def without_database(people: Cast) -> Iterator[Callable[[], None]]:
    """What takes the database away from the console until the end of the test."""
    there = people.ports.engine
    gone = engine_for("postgresql://nobody@127.0.0.1:1/none")
    yield lambda: object.__setattr__(people.ports, "engine", gone)
    object.__setattr__(people.ports, "engine", there)
    gone.dispose()


def test_an_open_page_says_when_its_figures_are_old(browser: Browser, people: Cast) -> None:
    with window(browser, people.address, dict(people.owner.cookies)) as shown:
        page = shown.open("/")
        told = page.locator("[data-unanswered]")
        expect(told).to_be_hidden()
        page.context.set_offline(True)
        expect(told).to_be_visible()
        expect(page.locator("#live table")).to_be_visible()
        assert violations(page) == []
        page.context.set_offline(False)
        expect(told).to_be_hidden()


def test_an_open_page_outlives_a_database_that_is_away(
    browser: Browser, people: Cast, without_database: Callable[[], None]
) -> None:
    with window(browser, people.address, dict(people.owner.cookies)) as shown:
        page = shown.open(ACCOUNT)
        expect(page.locator("#progress table")).to_be_visible()
        without_database()
        expect(page.locator("[data-unanswered]")).to_be_visible()
        expect(page.locator("#progress table")).to_be_visible()


def test_the_dialog_says_that_the_database_is_away_and_keeps_its_fields(
    browser: Browser, people: Cast, without_database: Callable[[], None]
) -> None:
    with window(browser, people.address, dict(people.owner.cookies)) as shown:
        page = shown.open("/accounts")
        page.locator("main a.btn-primary").click()
        page.locator("#address").fill("reader@qq.com")
        page.keyboard.press("Enter")
        expect(page.locator("#field-host")).to_have_value("imap.qq.com")
        without_database()
        page.locator("#field-user").fill("reader@126.com")
        page.locator("#field-secret").fill("half filled")
        expect(page.locator("dialog [data-unanswered]")).to_be_visible()
        expect(page.locator("#field-host")).to_have_value("imap.qq.com")
        page.locator("button[hx-post]").click()
        expect(page.locator("#test-result [role=alert]")).to_contain_text("does not answer")
        expect(page.locator("#field-secret")).to_have_value("half filled")


async def slowly(host: str, port: int) -> list[str]:
    """Every name has a public address, which takes a while to find."""
    await asyncio.sleep(1)
    return ["8.8.8.8"]


def test_a_second_click_does_not_send_a_form_twice(browser: Browser, people: Cast) -> None:
    object.__setattr__(people.ports, "resolver", slowly)
    with window(browser, people.address, dict(people.owner.cookies)) as shown:
        page = shown.open("/api/imap/config?address=twice@qq.com")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        save = page.locator("#account-form button.btn-primary")
        save.evaluate("button => { button.click(); setTimeout(() => button.click(), 300); }")
        page.wait_for_url("**/accounts/*/secret?done=added")
        assert len(sent) == 1
    with transaction(people.ports.engine) as connection:
        connection.execute(text("DELETE FROM accounts WHERE username = 'twice@qq.com'"))
