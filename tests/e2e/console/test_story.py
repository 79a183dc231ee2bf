"""The whole story of a new user in a real browser: from the first link to the removed account, on both runtimes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text

from infra.local import dovecot
from services.common.contract.records import encode
from services.common.database import engine_for
from services.common.postgres import embedded_postgres
from tests.e2e.browser import PATIENCE, chromium
from tests.e2e.commands import Mailweir
from tests.e2e.world import ACCOUNT, SERVICES, World, embedded, stack, until
from tests.fakes.mail_events import fetched, message

USER = dovecot.USERS[0]
NAME = "reader-example.test"
PROJECT, RENAMED, LEFT = "项目", "发票二零二七", "Junk"
MESSAGES = 40
LETTER = (
    'INSERT INTO dead_letters (topic, "partition", "offset", service, error, reason, at, key, value, headers) '
    "VALUES (:topic, 0, 999999, 'parser', 'bug.ValueError', 'the reader was broken', now(), :key, :value, :headers)"
)
WRONG = "canary-wrong-secret-7Tz"

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Desk:
    """The printed link, the mail server, and what the console has said."""

    link: str
    folder: Path
    port: int
    log: Path
    engine: Engine

    @property
    def password(self) -> str:
        """The right one."""
        return dovecot.password_file(self.folder, USER).read_text()


@pytest.fixture(scope="module", params=["embedded", "stack"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk")
    runtime = embedded if request.param == "embedded" else stack
    with runtime(home) as world:
        assert world.mailweir("accounts", "remove", ACCOUNT).returncode == 0
        server = world.components.imap
        for name in ("INBOX", PROJECT, LEFT):
            mail = {f"{name}-{n}": f"Subject: <b>{n}</b>\r\n\r\n{name}\r\n".encode() for n in range(MESSAGES)}
            dovecot.deliver(server.folder, USER, mail, name)
        port = server.ports["imaps"]
        more = (
            ("SSL_CERT_FILE", str(dovecot.ca_file(server.folder))),
            ("MAILWEIR_CONSOLE_ALLOWED_HOSTS", f"localhost:{port}@127.0.0.0/8,localhost:{port}@::1/128"),
        )
        world.mailweir = Mailweir(world.mailweir.home, (*world.mailweir.environment, *more))
        if request.param == "stack":
            world.start(*SERVICES)
        engine = engine_for(database_of(world, request.param), pool_size=1)
        with opened(world, home / "console.log") as link:
            yield Desk(link, server.folder, port, home / "console.log", engine)
        engine.dispose()


def database_of(world: World, runtime: str) -> str:
    """The URL of the database that the console shows."""
    return world.components.database_url if runtime == "stack" else embedded_postgres.ensure(world.mailweir.home)


@contextmanager
def opened(world: World, log: Path) -> Iterator[str]:
    """The printed link of a console that runs until the block ends."""
    command = [sys.executable, "-m", "services.cli.main", "console", "--port", "0"]
    with (
        log.open("w") as said,
        subprocess.Popen(command, env=world.mailweir.env(), stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None, log.read_text()
        yield found[0]
        process.terminate()
        process.wait(90)


@pytest.fixture(scope="module")
def page(desk: Desk) -> Iterator[Page]:
    with chromium() as browser:
        context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE)
        opened.goto(desk.link)
        yield opened
        context.close()


def test_the_story_of_a_new_user(desk: Desk, page: Page) -> None:
    seen: list[str] = []
    elsewhere: list[str] = []
    faults: list[str] = []
    origin = re.match(r"http://[^/]+", desk.link)
    assert origin is not None
    page.on("request", lambda request: None if request.url.startswith(origin[0]) else elsewhere.append(request.url))
    page.on("response", lambda answer: seen.append(answer.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Security Policy" in said.text else None)
    add(desk, page)
    choose(page)
    watch(page)
    rename(desk, page)
    remove(page)
    assert elsewhere == []
    assert faults == []
    assert [url for url in seen if WRONG in url or desk.password in url] == []
    kept = page.evaluate("() => JSON.stringify([localStorage, sessionStorage, document.cookie])")
    said = desk.log.read_text()
    assert not [secret for secret in (WRONG, desk.password) if secret in kept + said + page.content()]


def test_the_same_story_without_scripts(desk: Desk, page: Page) -> None:
    """Plain forms and links do all of it; what moves by itself elsewhere moves with each load."""
    assert page.context.browser is not None
    context = page.context.browser.new_context(java_script_enabled=False, locale="en-GB")
    for kept in page.context.cookies():
        context.add_cookies([{"name": kept["name"], "value": kept["value"], "url": page.url}])
    plain = context.new_page()
    plain.set_default_timeout(PATIENCE)
    plain.goto(page.url)
    add_by_plain_forms(desk, plain)
    choose(plain)
    plain.get_by_role("button", name="Sync now").click()
    plain.wait_for_url(f"**/accounts/{NAME}?done=asked")
    plain.get_by_role("link", name="Show the figures of each folder").click()
    until(lambda: plain.reload() is not None and arrived(plain), 180, desk.log.read_text)
    plain.goto(page.url.partition("/accounts")[0] + f"/accounts/{NAME}")
    remove(plain)
    context.close()


def test_a_dead_letter_is_sent_again(desk: Desk, page: Page) -> None:
    """A record that was set aside for a cause that is mended ends as mail."""
    record = encode(fetched(message("Set aside").as_bytes()), "poller", datetime.now(UTC))
    headers = json.dumps([(name, value.hex()) for name, value in record.headers])
    values = {"topic": record.topic, "key": record.key, "value": record.value, "headers": headers}
    with desk.engine.begin() as connection:
        connection.execute(text(LETTER), values)
    page.get_by_role("link", name="Dead letters").first.click()
    page.get_by_role("row").filter(has_text="the reader was broken").get_by_role("link").click()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("sent again")).to_be_visible()
    until(lambda: mail_of(desk, "Set aside") == 1, 120, desk.log.read_text)


def mail_of(desk: Desk, subject: str) -> int:
    """How many stored messages have this subject."""
    with desk.engine.begin() as connection:
        query = text("SELECT count(*) FROM emails WHERE subject = :subject")
        return int(connection.execute(query, {"subject": subject}).scalar_one())


def arrived(page: Page) -> bool:
    """Whether all messages of the chosen folders are stored."""
    bar = page.locator("#progress progress").first
    value = int(bar.get_attribute("value") or 0)
    return value >= 2 * MESSAGES and bar.get_attribute("max") == str(value)


def add_by_plain_forms(desk: Desk, page: Page) -> None:
    """The form comes back as a page with what was typed, but never with the secret."""
    page.get_by_role("link", name="Accounts", exact=True).first.click()
    page.get_by_role("link", name="Add an account").click()
    page.get_by_label("Mail address").fill(USER)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("IMAP server").fill("localhost")
    page.get_by_label("Port").fill(str(desk.port))
    for secret, result in ((WRONG, "sign-in refused"), (desk.password, "ok")):
        page.get_by_label("Password or authorization code").fill(secret)
        page.get_by_role("button", name="Test the connection").click()
        expect(page.locator(f'[data-result="{result}"]')).to_be_visible()
        expect(page.get_by_label("IMAP server")).to_have_value("localhost")
        expect(page.get_by_label("Port")).to_have_value(str(desk.port))
        expect(page.get_by_label("Password or authorization code")).to_have_value("")
    page.get_by_label("Password or authorization code").fill(desk.password)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/accounts/{NAME}/folders?done=added")


def add(desk: Desk, page: Page) -> None:
    """A wrong secret keeps the form, a right one passes, and the account is saved."""
    page.get_by_role("link", name="Accounts").click()
    page.get_by_role("link", name="Add an account").click()
    page.get_by_label("Mail address").fill(USER)
    page.get_by_role("button", name="Continue").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("IMAP server").fill("localhost")
    dialog.get_by_label("Port").fill(str(desk.port))
    secret = dialog.get_by_label("Password or authorization code")
    secret.fill(WRONG)
    dialog.get_by_role("button", name="Test the connection").click()
    expect(dialog.locator('[data-result="sign-in refused"]')).to_be_visible()
    expect(dialog.get_by_label("IMAP server")).to_have_value("localhost")
    secret.fill(desk.password)
    dialog.get_by_role("button", name="Test the connection").click()
    expect(dialog.locator('[data-result="ok"]')).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/accounts/{NAME}/folders?done=added")


def choose(page: Page) -> None:
    """Folders with Chinese names are listed; one of them is left out."""
    page.get_by_role("button", name="Fetch the folder list").click()
    expect(page.get_by_label(PROJECT)).to_be_checked()
    page.get_by_label(LEFT).uncheck()
    page.get_by_role("button", name="Save the choice").click()
    page.wait_for_url(f"**/accounts/{NAME}?done=started")


def watch(page: Page) -> None:
    """The bar reaches its end without a reload."""
    page.get_by_role("button", name="Sync now").click()
    page.wait_for_url(f"**/accounts/{NAME}?done=asked")
    bar = page.locator("#progress progress").first
    expect(bar).to_have_attribute("value", re.compile(r"^[1-9]\d*$"))
    expect(page.get_by_text(PROJECT).first).to_be_visible()
    page.wait_for_function(
        "least => { const bar = document.querySelector('#progress progress');"
        " return bar && bar.value >= least && bar.value === bar.max; }",
        arg=2 * MESSAGES,
        timeout=3 * PATIENCE,
    )


def rename(desk: Desk, page: Page) -> None:
    """What another mail program renames is renamed here, with its mail."""
    old = dovecot.maildir(desk.folder, USER, PROJECT)
    old.rename(old.with_name(old.name.replace(PROJECT, RENAMED)))
    page.get_by_role("link", name="Choose folders").click()
    page.get_by_role("button", name="Fetch the folder list").click()
    expect(page.get_by_text(f"Renamed: {PROJECT} → {RENAMED}")).to_be_visible()
    expect(page.get_by_label(RENAMED)).to_be_checked()
    page.get_by_role("heading").get_by_role("link", name=NAME).click()
    row = page.locator("#progress tr", has_text=RENAMED)
    expect(row.locator("td").nth(1)).to_have_text(str(MESSAGES))
    dovecot.maildir(desk.folder, USER, RENAMED).rename(old)


def remove(page: Page) -> None:
    """Pause, then remove with the name typed."""
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("link", name="Remove").click()
    page.get_by_label(f"Type {NAME} to confirm").fill(NAME)
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url("**/accounts?done=removed")
    expect(page.get_by_text("No account yet.")).to_be_visible()
