"""New keys for stored secrets, as a person asks for them."""

import os
from pathlib import Path

from services.common.accounts.store import AccountStore
from tests.integration.signin.commands import CANARY, USER, Run


def test_secrets_check_rotate_and_a_lost_key(run: Run, tmp_path: Path, store: AccountStore) -> None:
    run("accounts", "add", "work", "--host", "h", "--user", USER, "-", stdin=CANARY)
    key = tmp_path / "home" / "master.key"
    before = key.read_text()
    assert run("secrets", "check").code == run("secrets", "rotate").code == 0
    assert key.read_text() != before
    assert store.get_secret("work").reveal() == CANARY  # type: ignore[union-attr]
    for command in (("secrets", "check"), ("secrets", "rotate"), ("accounts", "secret", "work", "-")):
        wrong = run(*command, stdin="x", MAILWEIR_MASTER_KEY=os.urandom(32).hex())
        assert (wrong.code, "bring the old key back" in wrong.err) == (2, True)
    assert store.get_secret("work").reveal() == CANARY  # type: ignore[union-attr]


def test_a_rotation_says_when_the_master_key_is_the_one_of_before(run: Run) -> None:
    """Of a container, say, that goes on seeing the file that an editor has replaced."""
    old, new = os.urandom(32).hex(), os.urandom(32).hex()
    run("accounts", "add", "work", "--host", "h", "--user", USER, "-", stdin=CANARY, MAILWEIR_MASTER_KEY=old)
    same = run("secrets", "rotate", MAILWEIR_MASTER_KEY=old)
    assert (same.code, "the master key is the one of before" in same.err, "may be removed" in same.out) == (
        0,
        True,
        False,
    )
    other = run("secrets", "rotate", MAILWEIR_MASTER_KEY=f"{new},{old}")
    assert (other.code, other.err, "may be removed" in other.out) == (0, "", True)


def test_without_a_secret_a_look_at_the_keys_makes_none(run: Run, tmp_path: Path) -> None:
    run("accounts", "add", "work", "--host", "h", "--user", USER)
    for command in ("check", "rotate"):
        looked = run("secrets", command)
        assert (looked.code, "no secret is stored yet" in looked.out) == (0, True)
    assert not (tmp_path / "home" / "master.key").exists()
    wrong = run("secrets", "check", MAILWEIR_MASTER_KEY="short")
    assert (wrong.code, "MAILWEIR_MASTER_KEY" in wrong.err) == (2, True)
