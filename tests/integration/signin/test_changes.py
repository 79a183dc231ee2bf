"""Changes of accounts: one helpful line for a slip, an entry in the audit log for what was done."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from services.common.accounts.store import AccountStore
from services.common.secret import Secret
from tests.integration.signin.commands import CANARY, USER, Run, secret_file


def test_every_change_is_in_the_audit_log_without_its_secret(run: Run, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text('[accounts.audited]\nhost = "h.example.org"\nuser = "other@example.com"\npaused = true\n')
    for words in (
        ("add", "audited", "--host", "h.example.org", "--user", USER, "-"),
        ("set", "audited", "--port", "1993", "--set", "legacy_tls=true", "--set", "oauth_client_id=abc"),
        ("secret", "audited", "-"), ("pause", "audited"), ("resume", "audited"), ("secret", "audited", "--clear"),
        ("apply", str(file)), ("apply", str(file)), ("remove", "audited"), ("remove", "audited"),
    ):  # fmt: skip
        run("accounts", *words, stdin=CANARY)
    query = "SELECT action, detail FROM audit_log WHERE service = 'cli' AND account_id = 'audited' ORDER BY at"
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    by = rows[0][1].partition(":")[0]
    assert by.startswith("by ")
    assert rows == [
        ("account-add", f"{by}: with password"),
        ("account-set", f"{by}: port, legacy_tls=true, oauth_client_id"),
        ("account-secret", f"{by}: password stored"),
        ("account-pause", by),
        ("account-resume", by),
        ("account-secret", f"{by}: all cleared"),
        ("account-apply", f"{by}: changed"),
        ("account-remove", f"{by}: its mail stays"),
    ]


def test_the_list_is_never_cut_and_an_open_secret_file_is_told(run: Run, tmp_path: Path) -> None:
    host, user = f"{'imap.' * 12}example.org", f"{'long-name-' * 6}@example.org"
    done = run("accounts", "add", "long", "--host", host, "--user", user, "--secret-file", secret_file(tmp_path))
    assert "chmod 600" in done.err
    row = run("accounts", "list").out.splitlines()[1]
    assert f"{host}:993" in row and user in row  # noqa: PT018


@pytest.mark.parametrize("half", ["me@", "@example.org", "me@example org", "me@host:993"])
def test_half_an_address_is_told(run: Run, half: str) -> None:
    done = run("accounts", "add", half, "-", stdin="x")
    assert (done.code, "is not a mail address" in done.err) == (2, True)


def test_an_accounts_file_keeps_the_host_that_was_found_and_so_the_secrets(
    run: Run, store: AccountStore, tmp_path: Path
) -> None:
    found = ["--host", "imap.chinamobile.com", "--user", "me@gd.chinamobile.com"]
    assert run("accounts", "add", "work", *found, "-", stdin=CANARY).code == 0
    file = tmp_path / "accounts.toml"
    file.write_text('[accounts.work]\nuser = "me@gd.chinamobile.com"\n')
    assert run("accounts", "apply", str(file)).out == "account work: unchanged\n"
    assert store.get_secret("work") == Secret(CANARY)
    assert run("accounts", "apply", "--if-named").code == 0
    assert run("accounts", "apply").code == 2
