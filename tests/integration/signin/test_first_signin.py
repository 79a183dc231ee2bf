import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.first_signin import settle
from services.common.accounts.fields import Account
from services.common.accounts.store import AccountStore
from services.common.clock import SystemClock
from services.common.secret import Secret
from tests.fakes.imap_model import PASSWORD, Script

USER = "user@example.com"


def script() -> Script:
    return Script()


@pytest.fixture
def account(store: AccountStore, tmp_path: Path) -> Iterator[Account]:
    import json

    words = ["-m", "tests.fakes.imap_server", "--script", f"{__name__}:script", "--folder", str(tmp_path)]
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = json.loads(process.stdout.readline())
        given = {"connect_timeout": 20.0}
        one = Account(slug="w", host="localhost", port=found["port"], user=USER, ca_file=found["ca"], given=given)
        yield store.add(one, ("password", Secret("wrong")))
        process.terminate()


def test_a_wrong_secret_is_told_at_once_and_asked_for_again(store: AccountStore, account: Account) -> None:
    said: list[str] = []
    answers = iter([Secret("wrong too"), Secret(PASSWORD)])
    assert settle(store, account, SystemClock(), lambda: next(answers), said.append) == 0
    assert len(said) == 3
    assert all("授权码" in line for line in said[:2])
    assert "mailweir sync" in said[2]
    assert store.get_secret("w") == Secret(PASSWORD)


def test_three_answers_are_the_most(store: AccountStore, account: Account) -> None:
    asked: list[int] = []

    def ask() -> Secret:
        asked.append(1)
        return Secret("no")

    assert settle(store, account, SystemClock(), ask, lambda _: None) == 4
    assert len(asked) == 2


def test_a_server_out_of_reach_is_not_asked_about_secrets(store: AccountStore) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        one = Account(slug="w", host="127.0.0.1", port=listener.getsockname()[1], user=USER)
        added = store.add(one, ("password", Secret("x")))
        assert settle(store, added, SystemClock(), lambda: pytest.fail("asked"), lambda _: None) == 5
