"""The login doctor against the scripted server: which step fails, what it says, which exit code it gives."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.accounts.settings import AccountSettings, SettingErrors
from services.common.clock import SystemClock
from services.common.oauth.errors import ConsentNeeded
from services.common.secret import Secret
from services.front import doctor_view as view
from services.poller.connect import SecretSource
from services.poller.doctor.model import NAMES, Step, Visit
from services.poller.doctor.visit import examine, folders_of
from services.poller.imap.errors import SignInError
from tests.fakes.imap_model import PASSWORD, Command, Mailbox, Reply, Script, adds, closes, folder, messages, on, says
from tests.fakes.imap_server import serve
from tests.fakes.imap_variants_sly import frozen_view
from tests.fakes.ports import closed_port

USER = "user@example.com"
FULL = ("IMAP4rev1", "ID", "IDLE", "NAMESPACE", "UNSELECT", "SPECIAL-USE", "AUTH=PLAIN", "SASL-IR")


def given(text: str | None = PASSWORD, *fresh: str, token: bool = False) -> SecretSource:
    answers = [text, *fresh]

    async def source(again: bool) -> tuple[Secret | None, bool]:
        found = answers[-1] if again else answers[0]
        return Secret(found) if found else None, token

    return source


async def visited(
    script: Script, folder_: Path, source: SecretSource | None = None, **account: object
) -> tuple[list[Step], Account]:
    async with serve(script, folder_) as server:
        values = {"slug": "work", "host": "localhost", "port": server.port, "tls": script.tls, "user": USER}
        values["settings"] = AccountSettings(connect_timeout=20, command_timeout=10)
        one = Account(**{**values, "ca_file": str(server.ca_file), **account})  # type: ignore[arg-type]
        visit = Visit(one, profile(one.provider), source or given(), SystemClock())
        steps = [step async for step in examine(visit)]
        assert server.forbidden() == []
    return steps, one


def failed(steps: list[Step]) -> Step:
    return next(step for step in steps if step.outcome == "failed")


async def test_a_good_account_passes_every_step(tmp_path: Path) -> None:
    boxes = {b"INBOX": Mailbox(messages(7)), folder("已发送"): Mailbox(messages(3), attributes=("\\Sent",))}
    steps, account = await visited(Script(boxes, capabilities=FULL), tmp_path)
    assert [step.name for step in steps] == list(NAMES)
    assert [step.name for step in steps if step.outcome != "ok"] == ["tls"]  # a day is left of the test's certificate
    seen = {step.name: step.seen for step in steps}
    assert seen["tls"]["version"] == "TLSv1.3"
    assert seen["tls"]["days_left"] is not None
    assert seen["examine"]["messages"] == 7
    assert seen["fetch"]["fetched"] == seen["fetch"]["announced"]
    assert seen["estimate"]["messages"] == 10
    assert view.exit_code(steps) == 0
    for lang in ("en", "zh"):
        assert all(view.line(step, account, lang, full=True) for step in steps)


async def test_an_empty_mailbox_is_no_trouble(tmp_path: Path) -> None:
    steps, _ = await visited(Script(), tmp_path)
    assert [step.name for step in steps if step.outcome != "ok"] == ["tls"]


@pytest.mark.parametrize("provider", ["generic", "chinamobile"])
async def test_a_wrong_secret_is_exit_4_with_advice_of_the_provider(tmp_path: Path, provider: str) -> None:
    script = Script(hooks=[on("LOGIN", says("NO [AUTHENTICATIONFAILED] wrong"))])
    steps, account = await visited(script, tmp_path, given("wrong"), provider=provider)
    bad = failed(steps)
    assert (bad.name, bad.state, view.exit_code(steps)) == ("signin", "credential", 4)
    assert "授权码" in view.advice(bad, account, profile(provider), "en")
    assert "授权码" in view.advice(bad, account, profile(provider), "zh")
    assert {step.outcome for step in steps[NAMES.index("signin") + 1 :]} == {"skipped"}


async def test_a_server_that_refuses_the_star_alone_can_be_read_all_the_same(tmp_path: Path) -> None:
    """Hoodiecrow says that the space after ``*`` is unexpected."""
    refused = says("BAD Error parsing command", "* BAD [SYNTAX] Unexpected whitespace at position 22")

    def refused_alone(command: Command, reply: Reply) -> Reply:
        return refused(command, reply) if command.text.startswith("* ") else reply

    script = Script({b"INBOX": Mailbox(messages(7))}, hooks=[on("UID FETCH", refused_alone)])
    steps, _ = await visited(script, tmp_path)
    fetch = next(step for step in steps if step.name == "fetch")
    assert (fetch.outcome, fetch.seen["uid"]) == ("ok", 7)
    assert all(step.outcome != "failed" for step in steps)


async def test_a_folder_that_cannot_be_read_in_the_list_is_told(tmp_path: Path) -> None:
    """GreenMail sends a quotation mark in a name as it is."""
    script = Script(hooks=[on("LIST", adds('* LIST () "." "qu"ote"'))])
    steps, account = await visited(script, tmp_path)
    folders = next(step for step in steps if step.name == "folders")
    told = "1 lines of the folder list cannot be read, so folders may be missing from it"
    assert (folders.outcome, folders.reason, folders.seen["count"]) == ("warning", told, 1)
    assert all(step.outcome != "failed" for step in steps)
    assert "文件夹列表中有 1 行无法读取" in str(view.as_json(steps, account, profile("generic"), "zh", full=False))


async def test_a_folder_whose_mail_may_not_be_counted_is_not_counted_as_empty(tmp_path: Path) -> None:
    boxes = {b"INBOX": Mailbox(messages(7)), b"Shared": Mailbox(messages(3)), b"Work": Mailbox(messages(2))}
    script = Script(boxes, hooks=[on("STATUS", says("NO [NOPERM] not yours"), has="Shared")])
    steps, account = await visited(script, tmp_path)
    estimate = next(step for step in steps if step.name == "estimate")
    assert estimate.seen | {"octets": None} == {"messages": 9, "octets": None, "folders_looked_at": 2, "refused": 1}
    assert "1 cannot be counted" in view.line(estimate, account, "en", full=False)
    assert "另有 1 个文件夹无法统计" in view.line(estimate, account, "zh", full=False)


async def test_no_secret_says_how_to_store_one(tmp_path: Path) -> None:
    steps, account = await visited(Script(), tmp_path, given(None))
    assert "accounts secret work" in view.advice(failed(steps), account, profile("generic"), "en")


async def test_a_dead_grant_is_a_failed_sign_in(tmp_path: Path) -> None:
    async def source(_: bool) -> tuple[Secret | None, bool]:
        raise ConsentNeeded("the grant of work has ended (invalid_grant)")

    steps, account = await visited(Script(), tmp_path, source, auth="xoauth2")
    bad = failed(steps)
    assert (bad.name, bad.state, bad.exit_code) == ("signin", "consent", 4)
    assert "accounts authorize work" in view.advice(bad, account, profile("generic"), "en")


async def test_a_refused_token_is_renewed_once(tmp_path: Path) -> None:
    script = Script(capabilities=(*FULL, "AUTH=XOAUTH2"), tokens={USER: "good-token"})
    steps, _ = await visited(script, tmp_path, given("old-token", "good-token", token=True), auth="xoauth2")
    assert view.exit_code(steps) == 0
    assert next(step for step in steps if step.name == "signin").seen["token_renewed"] is True
    steps, _ = await visited(script, tmp_path, given("old-token", "bad-token", token=True), auth="xoauth2")
    assert (failed(steps).name, failed(steps).state, view.exit_code(steps)) == ("signin", "consent", 4)


@pytest.mark.parametrize("kind", ["expired", "wrong-name", "self-signed"])
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_bad_certificate_is_exit_5_and_no_secret_is_sent(tmp_path: Path, kind: str, tls: str) -> None:
    script = Script(certificate=kind, tls=tls, capabilities=("IMAP4rev1", "STARTTLS"))  # type: ignore[arg-type]
    steps, _ = await visited(script, tmp_path)
    bad = failed(steps)
    assert (bad.name, bad.state, bad.exit_code) == ("tls", "tls", 5)
    assert "certificate" in bad.reason


async def test_a_server_with_old_ciphers_names_the_switch_that_helps(tmp_path: Path) -> None:
    script = Script(ciphers="AES256-GCM-SHA384")
    steps, account = await visited(script, tmp_path)
    bad = failed(steps)
    assert (bad.name, bad.exit_code) == ("tls", 5)
    assert "legacy_tls=true" in view.advice(bad, account, profile("generic"), "en")
    settings = AccountSettings(connect_timeout=20, command_timeout=10, legacy_tls=True)
    steps, _ = await visited(script, tmp_path, settings=settings)
    assert view.exit_code(steps) == 0


async def test_an_unknown_name_and_a_closed_port_are_exit_5(tmp_path: Path) -> None:
    steps, _ = await visited(Script(), tmp_path, host="nobody.invalid")
    assert (failed(steps).name, failed(steps).exit_code) == ("lookup", 5)
    with closed_port() as port:
        steps, _ = await visited(Script(), tmp_path, port=port)
    assert (failed(steps).name, failed(steps).exit_code) == ("connect", 5)


async def test_a_server_that_closes_on_id_is_visited_again_without_it(tmp_path: Path) -> None:
    script = Script(capabilities=FULL, hooks=[on("ID", closes("* BYE what?"))])
    steps, _ = await visited(script, tmp_path)
    assert next(step for step in steps if step.name == "id").outcome == "warning"
    assert next(step for step in steps if step.name == "roundtrip").outcome == "ok"


async def test_unsafe_login_is_explained(tmp_path: Path) -> None:
    script = Script(needs_id=True, hooks=[on("EXAMINE", says("NO EXAMINE Unsafe Login. Please contact kefu@188.com"))])
    steps, account = await visited(script, tmp_path)
    bad = failed(steps)
    assert bad.name == "examine"
    assert "ID" in view.advice(bad, account, profile("generic"), "en")


async def test_a_changing_uidvalidity_and_a_seen_flag_are_warnings(tmp_path: Path) -> None:
    box = Mailbox(messages(2), uidvalidity=None)
    steps, _ = await visited(Script({b"INBOX": box}, peek_sets_seen=True), tmp_path)
    outcomes = {step.name: step.outcome for step in steps}
    assert (outcomes["uidvalidity"], outcomes["fetch"]) == ("warning", "warning")
    assert view.exit_code(steps) == 0


async def test_a_seen_flag_is_told_where_only_a_new_look_shows_it(tmp_path: Path) -> None:
    steps, _ = await visited(frozen_view(Script({b"INBOX": Mailbox(messages(2))}, peek_sets_seen=True)), tmp_path)
    assert {step.name: step.outcome for step in steps}["fetch"] == "warning"


async def test_the_short_form_is_safe_to_paste(tmp_path: Path) -> None:
    greeting = b"* OK 10.1.2.3 ready for user@example.com (::1)\r\n"
    boxes = {b"INBOX": Mailbox(messages(1)), b"Private-Matter": Mailbox()}
    script = Script(
        boxes, FULL, greeting=greeting, hooks=[on("UID FETCH", says("NO no such mail of USER@example.com"))]
    )
    steps, account = await visited(script, tmp_path, given(PASSWORD), slug="user-example.com")
    for lang in ("en", "zh"):
        shown = json.dumps(view.as_json(steps, account, profile("generic"), lang, full=False), ensure_ascii=False)
        shown += "\n".join(view.line(step, account, lang, full=False) for step in steps)
        for private in (PASSWORD, "user@", "USER@", "user-example", "10.1.2.3", "127.0.0.1", "Private-Matter"):
            assert private not in shown
    full = json.dumps(view.as_json(steps, account, profile("generic"), "en", full=True))
    assert PASSWORD not in full
    assert "Private-Matter" in full


async def test_missing_settings_say_themselves_what_to_do(tmp_path: Path) -> None:
    async def source(_: bool) -> tuple[Secret | None, bool]:
        raise SettingErrors(["oauth_client_id: missing; give it with mailweir accounts set"])

    steps, account = await visited(Script(), tmp_path, source, auth="xoauth2")
    bad = failed(steps)
    assert (bad.name, bad.state, bad.exit_code) == ("signin", "configuration", 2)
    assert view.advice(bad, account, profile("generic"), "en") == ""
    assert "oauth_client_id" in view.line(bad, account, "en", full=False)


async def test_the_providers_next_host_is_tried_when_the_first_does_not_answer(tmp_path: Path) -> None:
    known = replace(profile("generic"), hosts=("nobody.invalid", "localhost"))
    async with serve(Script(), tmp_path) as server:
        one = Account(slug="w", host="nobody.invalid", port=server.port, user=USER, ca_file=str(server.ca_file))
        steps = [step async for step in examine(Visit(one, known, given(), SystemClock()))]
    assert (steps[0].outcome, steps[0].seen["host"]) == ("warning", "localhost")
    assert view.exit_code(steps) == 0


async def test_the_next_host_never_sees_a_secret_that_the_first_refused(tmp_path: Path) -> None:
    known = replace(profile("generic"), hosts=("localhost", "127.0.0.1"))
    async with serve(Script(), tmp_path) as server:
        one = Account(slug="w", host="localhost", port=server.port, user=USER, ca_file=str(server.ca_file))
        steps = [step async for step in examine(Visit(one, known, given("wrong"), SystemClock()))]
        assert server.connections == 1
    assert view.exit_code(steps) == 4


SILENT = AccountSettings(connect_timeout=20, command_timeout=1)
WRONG_ANSWERS: list[tuple[Script, dict[str, object], int, str]] = [
    (Script(certificate="expired"), {}, 5, "clock of this machine"),
    (Script(certificate="wrong-name"), {}, 5, "--host HOST"),
    (Script(certificate="self-signed"), {}, 5, "--ca-file"),
    (Script(ciphers="AES256-GCM-SHA384"), {}, 5, "legacy_tls=true"),
    (Script(tls="starttls"), {"tls": "implicit"}, 5, "--port 143 --tls starttls"),
    (Script(), {"tls": "starttls", "settings": SILENT}, 5, "--port 993 --tls implicit"),
    (Script(tls="starttls", hooks=[on("STARTTLS", says("BAD what"))]), {}, 5, "--port 993 --tls implicit"),
    (Script(capabilities=("IMAP4rev1", "LOGINDISABLED")), {}, 2, "accounts authorize work"),
    (Script(greeting=b"* BYE too busy\r\n"), {}, 5, "tried again by itself"),
]


@pytest.mark.parametrize(("script", "account", "code", "helps"), WRONG_ANSWERS)
async def test_the_advice_names_what_helps(
    tmp_path: Path, script: Script, account: dict[str, object], code: int, helps: str
) -> None:
    steps, one = await visited(script, tmp_path, **account)
    assert view.exit_code(steps) == code
    assert helps in view.advice(failed(steps), one, profile("generic"), "en")
    assert view.advice(failed(steps), one, profile("generic"), "zh").isascii() is False


async def test_the_folder_list_tries_the_providers_next_host_too(tmp_path: Path) -> None:
    known = replace(profile("generic"), hosts=("nobody.invalid", "localhost"))
    async with serve(Script(), tmp_path) as server:
        one = Account(slug="w", host="nobody.invalid", port=server.port, user=USER, ca_file=str(server.ca_file))
        assert [item.name for item in await folders_of(Visit(one, known, given(), SystemClock()))] == ["INBOX"]
        with pytest.raises(SignInError):
            await folders_of(Visit(one, replace(known, hosts=(*known.hosts, "127.0.0.1")), given("no"), SystemClock()))
        assert server.connections == 2
