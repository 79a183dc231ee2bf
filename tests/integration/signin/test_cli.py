"""The commands as a person or a program uses them: exit codes, messages, and no secret anywhere."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from services.common.accounts.store import AccountStore
from tests.canary import found_in
from tests.fakes.imap_model import PASSWORD
from tests.fakes.token_endpoint import error, running, tokens
from tests.integration.signin.commands import CANARY, USER, Run, add, secret_file


def test_add_list_show_set_secret_pause_resume_remove(run: Run, tmp_path: Path, store: AccountStore) -> None:
    options = ["--folder", "INBOX", "--folder", "[Gmail]/*", "--set", "poll_interval=2", "--set", "batch_bytes=1MiB"]
    assert (
        run("accounts", "add", "work", "--host", "h.example.org", "--user", USER, *options, "-", stdin=CANARY).code == 0
    )
    assert store.get_secret("work").reveal() == CANARY  # type: ignore[union-attr]
    shown = json.loads(run("accounts", "show", "work", "--json").out)
    assert (shown["port"], shown["tls"], shown["auth"], shown["state"]) == (993, "implicit", "auto", "active")
    assert shown["settings"]["include"] == ["INBOX", "[Gmail]/*"]
    assert (shown["settings"]["poll_interval"], shown["settings"]["batch_bytes"]) == (2, 1048576)
    assert shown["secrets"]["password"]["set"] is True
    assert run("accounts", "set", "work", "--set", "poll_interval=", "attempts=9").code == 0
    done = run("accounts", "secret", "work", "--secret-file", secret_file(tmp_path, "new"))
    assert (done.code, "next: mailweir check work" in done.err) == (0, True)
    assert store.get_secret("work").reveal() == "new"  # type: ignore[union-attr]
    assert run("accounts", "pause", "work").code == 0
    listed = json.loads(run("accounts", "list", "--json").out)
    assert [(item["account"], item["state"], item["settings"]["attempts"]) for item in listed] == [
        ("work", "paused", 9)
    ]
    assert listed[0]["settings"]["poll_interval"] == 60
    assert run("accounts", "resume", "work").code == 0
    assert "cleared" in run("accounts", "set", "work", "--host", "other.example.org").err
    assert run("accounts", "remove", "work").code == 0
    assert run("accounts", "show", "work").code == 2


def test_every_bad_field_is_one_line_and_exit_2(run: Run) -> None:
    done = run("accounts", "add", "a b", "--host", "h h", "--user", USER, "--port", "0", "--tls", "none")
    assert done.code == 2
    assert [line.removeprefix("mailweir: ").partition(":")[0] for line in done.err.splitlines()] == [
        "name", "host", "port", "tls",
    ]  # fmt: skip
    done = run(
        "accounts", "add", "w", "--host", "h", "--user", USER, "--set", "x=1", "--ca-file", "/none", "--port", "0"
    )
    assert [line.removeprefix("mailweir: ").partition(":")[0] for line in done.err.splitlines()] == [
        "x",
        "ca_file",
        "port",
    ]


def test_a_change_says_what_it_cannot_use(run: Run) -> None:
    assert run("accounts", "add", "work", "--host", "h.example.org", "--user", USER).code == 0
    for words, told in {
        (): "nothing to change",
        ("port=143",): "port: it is an option: --port 143",
        ("ca_file=x", "attempts=9"): "ca_file: it is an option: --ca-file x",
        ("attempts",): "attempts: write it as attempts=VALUE",
        ("--host", ""): 'host: ""',
        ("--user", ""): "user: it must be one line",
        ("--tls", ""): 'tls: "" is not one of',
    }.items():
        done = run("accounts", "set", "work", *words)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"mailweir: {told}")
    assert json.loads(run("accounts", "show", "work", "--json").out)["given"] == []


def test_a_setting_that_nothing_heeds_is_told_and_not_promised(run: Run, tmp_path: Path) -> None:
    told = "no mail is removed here because of its age"
    server = ("--host", "h.example.org", "--user", USER, "-")
    assert told in run("accounts", "add", "work", *server, "--set", "retention_days=30", stdin=CANARY).err
    assert told not in run("accounts", "set", "work", "retention_days=").err
    assert told in run("accounts", "set", "work", "retention_days=7").err
    file = tmp_path / "accounts.toml"
    table = f'[accounts.work]\nhost = "h.example.org"\nuser = "{USER}"\n'
    file.write_text(table + "settings = { retention_days = 9 }\n")
    assert told in run("accounts", "apply", str(file)).out


def test_a_sync_that_reached_nothing_counts_nothing_and_says_what_to_do(
    run: Run, server: dict[str, Any], tmp_path: Path
) -> None:
    add(run, server, tmp_path, PASSWORD, "--folder", "nothing*")
    done = run("sync", "work")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("work: folder pattern 'nothing*' of account work matches nothing; the server has ")
    assert len(done.err.splitlines()) == 1
    assert run("accounts", "secret", "work", "--clear").code == 0
    done = run("sync", "work")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "work: no secret is stored for this account",
        "work: Store the secret first: mailweir accounts secret work",
    ]


def test_a_secret_as_an_argument_is_refused_and_not_repeated(run: Run) -> None:
    for words in (("accounts", "add", "w", CANARY, "--host", "h", "--user", USER), ("accounts", "secret", "w", CANARY)):
        done = run(*words)
        assert done.code == 2
        assert "never taken from an argument" in done.err
        assert CANARY not in done.out + done.err


@pytest.mark.parametrize("content", ["", "\n", "two\nlines", "nul\0"])
def test_a_bad_secret_is_one_line(run: Run, tmp_path: Path, content: str) -> None:
    done = run("accounts", "add", "w", "--host", "h", "--user", USER, "--secret-file", secret_file(tmp_path, content))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert run("accounts", "add", "w", "--host", "h", "--user", USER, "--secret-file", "/none/x").code == 2


def test_an_address_of_a_known_provider_needs_only_the_code(run: Run, store: AccountStore) -> None:
    done = run("accounts", "add", "me@gd.chinamobile.com", "--host", "imap.gd.chinamobile.com", "-", stdin="a1b2c3")
    assert done.code == 0, done.err
    account = store.get("me@gd.chinamobile.com")
    assert (account.slug, account.user) == ("me-gd.chinamobile.com", "me@gd.chinamobile.com")
    assert (account.host, account.provider) == ("imap.gd.chinamobile.com", "chinamobile")
    assert account.settings.max_connections == 1


def test_a_name_that_is_taken_is_told_before_a_secret_is_asked_for_or_a_server_looked_for(run: Run) -> None:
    assert run("accounts", "add", "me@corp.invalid", "--host", "imap.corp.invalid", "-", stdin="a1b2").code == 0
    for name in ("me@corp.invalid", "Me＠corp.invalid", "me-corp.invalid"):
        done = run("accounts", "add", name)
        assert (done.code, "mailweir accounts secret me-corp.invalid" in done.err) == (2, True), done.err
        assert "for me@corp.invalid; change it" in done.err


def test_the_accounts_file_is_applied_as_a_whole_and_again(run: Run, tmp_path: Path, store: AccountStore) -> None:
    file = tmp_path / "accounts.toml"
    one = f'[accounts.one]\nhost = "h.example.org"\nuser = "{USER}"\nfolders = ["INBOX"]\n'
    one += f'secret_file = "{secret_file(tmp_path)}"\n[accounts.one.settings]\npoll_interval = 30\n'
    file.write_text(one + '[accounts.two]\nhost = "h2.example.org"\nuser = "b@example.org"\npaused = true\n')
    first = run("accounts", "apply", str(file))
    assert first.out.splitlines() == ["account one: added, secret stored", "account two: added"], first.err
    assert store.get("two").state == "paused"
    marker = store.marker()
    again = run("accounts", "apply", MAILWEIR_ACCOUNTS_FILE=str(file))
    assert again.out.splitlines() == ["account one: unchanged", "account two: unchanged"]
    assert store.marker() == marker
    file.write_text(one.replace("30", "31"))
    assert run("accounts", "apply", str(file), "--prune").out.splitlines() == [
        "account one: changed", "account two: removed; its mail stays",
    ]  # fmt: skip
    file.write_text(one.replace("30", '"x"') + "[accounts.bad]\nuser = 'u'\nport = 0\n")
    done = run("accounts", "apply", str(file))
    assert done.code == 2
    assert "one.poll_interval" in done.err
    assert "bad:" in done.err
    assert run("accounts", "apply", str(tmp_path / "none")).code == 2


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[accounts.two]\nhost = "h"\nuser = "u"\nsecret_file = "/none"\n', "two: secret file /none cannot be read"),
        (
            f'[accounts.two]\nhost = "h"\nuser = "u"\nsecret = "{CANARY}"\n',
            "two: Object contains unknown field",
        ),
        ('[account.two]\nhost = "h"\nuser = "u"\n', "what is account? It holds tables [accounts.NAME] only"),
        ("[accounts]\ntwo = 2\n", "two: Expected `object`"),
    ],
)
def test_an_accounts_file_with_a_fault_changes_nothing(
    run: Run, tmp_path: Path, store: AccountStore, more: str, told: str
) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(more + '[accounts.one]\nhost = "h.example.org"\nuser = "me"\n')
    done = run("accounts", "apply", str(file), "--prune")
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert CANARY not in done.err
    assert not store.list()


def test_a_file_without_accounts_prunes_nothing(run: Run, tmp_path: Path, store: AccountStore) -> None:
    assert run("accounts", "add", "work", "--host", "h.example.org", "--user", USER).code == 0
    (tmp_path / "accounts.toml").write_text("# all commented out\n")
    assert run("accounts", "apply", str(tmp_path / "accounts.toml")).code == 0
    done = run("accounts", "apply", str(tmp_path / "accounts.toml"), "--prune")
    assert (done.code, len(store.list())) == (2, 1)
    assert "--prune would remove all" in done.err


def test_check_and_folders_of_a_good_account(run: Run, server: dict[str, Any], tmp_path: Path) -> None:
    add(run, server, tmp_path, PASSWORD, "--folder", "INBOX", "--folder", r"\Sent", "--folder", "nothing*")
    done = run("check", "work", "--json")
    assert done.code == 0, done.out
    found = json.loads(done.out)
    assert (found["ok"], found["state"], len(found["steps"])) == (True, "ok", 16)
    assert "All is well" in run("check", USER).out or "see the lines" in run("check", USER).out
    listed = run("accounts", "folders", "work", "--json")
    assert {row["folder"]: row["chosen"] for row in json.loads(listed.out)} == {
        "INBOX": True, "已发送": True, "Old": False,
    }  # fmt: skip
    assert "nothing*" in listed.err


def test_check_of_a_wrong_secret_and_of_an_untrusted_certificate(
    run: Run, server: dict[str, Any], tmp_path: Path
) -> None:
    add(run, server, tmp_path, "wrong")
    done = run("check", "work", "--lang", "zh")
    assert done.code == 4
    assert "授权码" in done.out
    assert json.loads(run("accounts", "show", "work", "--json").out)["signin"]["state"] == "unknown"
    assert run("sync", "work").code == 4
    signin = json.loads(run("accounts", "show", "work", "--json").out)["signin"]
    assert signin == json.loads(run("status", "work", "--json").out)[0]["signin"]
    assert signin["state"] == "credential"
    assert f"active, last sign-in: credential: {signin['detail']}" in run("accounts", "show", "work").out
    refused = run("accounts", "folders", "work")
    assert (refused.code, refused.out) == (4, "")
    assert "mailweir accounts secret work" in refused.err.splitlines()[1]
    run("accounts", "set", "work", "--ca-file", "")
    done = run("check", "work", "--json")
    assert (done.code, json.loads(done.out)["state"]) == (5, "tls")


@pytest.mark.parametrize("command", [("check", "work"), ("sync", "work"), ("accounts", "folders", "work")])
def test_a_missing_secret_is_configuration_whichever_command_meets_it(
    run: Run, server: dict[str, Any], tmp_path: Path, command: tuple[str, ...]
) -> None:
    add(run, server, tmp_path, PASSWORD)
    run("accounts", "secret", "work", "--clear")
    done = run(*command)
    assert done.code == 2
    assert "no secret is stored for this account" in done.out + done.err
    assert "mailweir accounts secret work" in done.out + done.err


def test_an_account_kept_to_public_addresses_reaches_no_other(run: Run, server: dict[str, Any], tmp_path: Path) -> None:
    add(run, server, tmp_path, PASSWORD, "--set", "public_only=true", "--set", "attempts=1")
    for command in ("sync", "check"):
        done = run(command, "work")
        assert done.code == 5
        assert "localhost leads to an address that is not public" in done.out + done.err
    assert run("accounts", "set", "work", "public_only=").code == 0
    assert run("sync", "work").code == 0


def test_secrets_appear_nowhere(
    run: Run, server: dict[str, Any], tmp_path: Path, engine: Engine, store: AccountStore
) -> None:
    said = ""
    add(run, server, tmp_path, CANARY)
    for words in (
        ("accounts", "list"), ("accounts", "list", "--json"), ("accounts", "show", "work"),
        ("accounts", "show", "work", "--json"), ("check", "work", "--full"), ("check", "work", "--json", "--full"),
        ("accounts", "folders", "work"), ("secrets", "check"), ("accounts", "set", "work", "--set", "x=1"),
    ):  # fmt: skip
        done = run(*words, MAILWEIR_LOG="debug")
        said += done.out + done.err
    with running(tokens(f"{CANARY[:6]}-access", CANARY), error("invalid_client", CANARY)) as endpoint:
        oauth = ["--auth", "xoauth2", "--set", f"oauth_token_url={endpoint.url}", "--set", "oauth_client_id=c"]
        run("accounts", "set", "work", *oauth)
        run("accounts", "secret", "work", "--field", "refresh_token", "-", stdin=CANARY)
        for _ in range(2):
            done = run("check", "work", "--full", MAILWEIR_LOG="debug")
            said += done.out + done.err
    where = ["--host", "localhost", "--port", str(server["port"]), "--ca-file", server["ca"], "--user", USER]
    run("accounts", "add", "good", *where, "--set", "connect_timeout=20", "-", stdin=PASSWORD)
    for name in ("work", "good"):
        done = run("sync", name, "--timeout", "60", MAILWEIR_LOG="debug")
        said += done.out + done.err
    said += run("status", "--json").out + run("ledger", "--json").out
    said += "".join(path.read_text("latin-1") for path in (tmp_path / "home").rglob("*") if path.is_file())
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        for table in tables:
            rows = connection.execute(text(f'SELECT row_to_json(t)::text FROM "{table}" t')).scalars().all()
            said += "".join(rows)
    assert "Message 3" in said
    assert found_in({"canary": CANARY, "password": PASSWORD}, said.encode()) == []


def test_removing_with_erase_takes_mail_and_objects_along(run: Run, server: dict[str, Any], tmp_path: Path) -> None:
    add(run, server, tmp_path, PASSWORD)
    assert run("sync", "work").code == 0
    objects = tmp_path / "home" / "objects"
    assert any(path.is_file() for path in objects.rglob("*.eml"))
    done = run("accounts", "remove", "work", "--erase", "--yes")
    assert (done.code, "erased 3 objects" in done.out) == (0, True), done
    assert not any(path.is_file() for path in objects.rglob("*.eml"))
    assert '"work"' not in run("ledger", "--json").out
