"""Mail is erased only when no other process brings more of it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.cli.mending import rebuilding
from services.common.accounts.fields import Account
from services.common.errors import ConfigurationError, Incomplete, Unavailable
from services.common.stores.folder import FolderStore
from services.front import erasing
from services.front.erasing import InUse
from services.front.resending import resending
from services.poller.adapters import LeaseLost
from services.poller.tasks import lease
from services.poller.tasks.lease_rows import PostgresLeases
from tests.integration.commands.conftest import MAIL, Home
from tests.polling import until

HOLDER = "from services.poller.tasks.lease import owner; print(owner(), flush=True); input()"


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Another process that holds the account while the block runs, and leaves its lease behind when it ends."""
    home.change("DELETE FROM leases")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        owner = process.stdout.readline().strip()
        assert PostgresLeases(home.context.engine).acquire("work", owner, 600) is not None
        yield
        process.kill()


async def test_an_account_that_another_process_syncs_is_not_erased(
    stored: Home, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_PATIENCE", 0.3)
    with held(stored), pytest.raises(Incomplete, match=r"synced by another process.*nothing was erased"):
        stored.run("accounts", "remove", account, "--erase", "--yes")
    assert stored.context.accounts.get(account).state == "active"
    assert stored.value("SELECT count(*) FROM emails") == 4


async def test_nor_is_one_on_the_stack_however_long_the_pause_between_two_messages(
    stored: Home, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mailweir sync` there goes on with a paused account, and six quiet seconds do not tell that it has ended."""
    monkeypatch.setattr(erasing, "_PATIENCE_ON_STACK", 0.3)
    with held(stored), pytest.raises(InUse, match="synced by another process"):
        erasing.erased(stored.context, account, embedded=False)
    assert stored.value("SELECT count(*) FROM emails") == 4


async def test_the_lease_of_a_dead_process_does_not_hold_it_up(stored: Home, account: str) -> None:
    with held(stored):
        pass
    stored.run("accounts", "remove", account, "--erase", "--yes")
    assert stored.value("SELECT count(*) FROM emails") == 0
    assert stored.value("SELECT count(*) FROM leases WHERE account = 'work'") == 0
    assert stored.objects() == []


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen when the objects are erased, before they go."""
    erase = FolderStore.erase

    def slowly(store: FolderStore, prefix: str) -> int:
        act()
        return erase(store, prefix)

    monkeypatch.setattr(FolderStore, "erase", slowly)


async def test_no_sync_takes_an_account_that_is_erased_for_longer_than_a_lease_lasts(
    stored: Home, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEWED_EVERY", 0.1)
    told: list[str] = []

    def let_it_end_then_try_to_sync() -> None:
        stored.change("UPDATE leases SET expires_at = clock_timestamp()")
        until(lambda: stored.value("SELECT expires_at > clock_timestamp() FROM leases"))
        with pytest.raises(Incomplete) as caught:
            lease.take(PostgresLeases(stored.context.engine), "work", "elsewhere:1:1")
        told.append(str(caught.value))

    meanwhile(monkeypatch, let_it_end_then_try_to_sync)
    stored.run("accounts", "remove", account, "--erase", "--yes")
    assert "work is being erased by another process" in told[0]
    assert stored.value("SELECT count(*) FROM leases WHERE account = 'work'") == 0


async def test_an_account_that_was_lost_to_a_sync_is_not_forgotten_but_erased_by_the_next_try(
    stored: Home, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over = "UPDATE leases SET owner = 'elsewhere:1:1', token = token + 1, expires_at = 'epoch'"
    with monkeypatch.context() as patched:
        meanwhile(patched, lambda: stored.change(take_over))
        with pytest.raises(LeaseLost):
            stored.run("accounts", "remove", account, "--erase", "--yes")
    assert stored.context.accounts.get(account).state == "paused"
    assert stored.run("accounts", "remove", account, "--erase", "--yes").exit_code == 0
    assert stored.context.accounts.find(account) is None


async def test_a_store_that_does_not_answer_leaves_the_account_paused_and_says_so(
    stored: Home, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise Unavailable("the object store does not answer")

    with monkeypatch.context() as patched:
        meanwhile(patched, refuse)
        with pytest.raises(Unavailable):
            stored.run("accounts", "remove", account, "--erase", "--yes")
    assert stored.context.accounts.get(account).state == "paused"
    assert stored.value("SELECT count(*) FROM emails") == 4


def kill_before_the_account_goes(home: Home) -> None:
    words = ["mailweir", "accounts", "remove", "work", "--erase", "--yes"]
    killed = "from services.common.accounts.store import AccountStore; AccountStore.remove = lambda *_: os._exit(9)"
    code = f"import os, sys; {killed}; sys.argv = {words}; from services.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **home.environment}, check=False, timeout=60)
    assert done.returncode == 9


async def test_what_was_erased_is_told_although_the_command_was_killed_and_the_name_was_used_again(
    stored: Home, account: str
) -> None:
    kill_before_the_account_goes(stored)
    assert stored.value("SELECT count(*) FROM emails") == 0
    stored.run("accounts", "remove", account, "--erase", "--yes")
    stored.context.accounts.add(Account(slug="work", host="localhost", user="u"))
    await stored.take(*MAIL)
    stored.run("accounts", "remove", account, "--erase", "--yes")
    told = stored.value("SELECT string_agg(detail, ', ' ORDER BY at) FROM audit_log WHERE action = 'erase'").split(", ")
    assert [detail.startswith("6 objects") for detail in told] == [True, False, True]
    assert told[1] == "0 objects and 0 rows erased"


async def test_mail_that_is_sent_once_more_is_not_erased_meanwhile(
    stored: Home, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reparse has read would be stored after the erasing, with no account left to erase it by."""
    monkeypatch.setattr(erasing, "_PATIENCE", 0.3)
    read, refused = rebuilding.fetched_again, list[str]()

    def then_erase(*known: object) -> object:
        event = read(*known)  # type: ignore[arg-type]
        if not refused:
            with pytest.raises(InUse) as caught:
                erasing.erased(stored.context, account, embedded=True)
            refused.append(str(caught.value))
        return event

    monkeypatch.setattr(rebuilding, "fetched_again", then_erase)
    assert stored.run("reparse").exit_code == 0
    assert "sent once more (reparse, repair" in refused[0]
    assert stored.value("SELECT count(*) FROM emails") == 4
    with resending(stored.context.engine, ["home"]):
        erasing.erased(stored.context, account, embedded=True)
    assert stored.value("SELECT count(*) FROM emails") == 0


@pytest.mark.parametrize("words", [("reparse",), ("dlq", "replay", "--all")])
async def test_nothing_is_sent_once_more_of_an_account_that_is_being_erased(
    stored: Home, account: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    stored.change(
        'INSERT INTO dead_letters (topic, "partition", "offset", service, error, reason, at, account_id, state, key, '
        "headers) VALUES ('mail.fetched', 0, 0, 'parser', 'x', 'x', now(), 'work', 'open', 'x', '[]')"
    )
    refused: list[str] = []

    def send() -> None:
        with pytest.raises(Incomplete) as caught:
            stored.run(*words)
        refused.append(str(caught.value))

    meanwhile(monkeypatch, send)
    stored.run("accounts", "remove", account, "--erase", "--yes")
    assert set(refused) == {"the mail of account work is being erased; nothing was sent"}
    assert stored.value("SELECT count(*) FROM dead_letters") == 0


SPOOLING = """
import os, pathlib, sys
from services.poller.imap.spooling import SpoolFile
SpoolFile(pathlib.Path(sys.argv[1])).write(bytes(1 << 20))
os.kill(os.getpid(), 9)
"""


def test_large_messages_that_a_killed_sync_left_on_their_way_go_too(home: Home, account: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SPOOLING, str(tmp_path)], check=False, timeout=60)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.literal")) > 0
    home.environment["MAILWEIR_POLLER_SPOOL"] = str(tmp_path)
    home.run("accounts", "remove", account, "--erase", "--yes")
    assert list(tmp_path.iterdir()) == []


async def test_mail_of_an_account_that_was_removed_before_is_erased_too(stored: Home, account: str) -> None:
    """It stayed when the account was removed, or a poller that slept through the erasing brought it afterwards."""
    assert stored.run("accounts", "remove", account).exit_code == 0
    with pytest.raises(ConfigurationError, match="there is no account"):
        stored.run("accounts", "remove", account)
    assert stored.value("SELECT count(*) FROM emails") == 4
    assert "6 objects" in stored.run("accounts", "remove", account, "--erase", "--yes").stdout
    assert (stored.value("SELECT count(*) FROM emails"), stored.objects()) == (0, [])
    assert stored.value("SELECT count(*) FROM leases") == 0
    for name in (account, "home", "..", ""):
        with pytest.raises(ConfigurationError, match="there is no account"):
            stored.run("accounts", "remove", name, "--erase", "--yes")


async def test_who_signs_in_by_the_name_of_a_removed_account_keeps_their_mail(stored: Home, account: str) -> None:
    stored.run("accounts", "remove", account)
    stored.run("accounts", "add", "new", "--host", "localhost", "--user", account, "--auth", "xoauth2")
    await stored.take(*MAIL, account="new")
    assert f"account {account} removed" in stored.run("accounts", "remove", account, "--erase", "--yes").stdout
    assert stored.value("SELECT string_agg(DISTINCT account_id, ' ') FROM emails") == "new"
    assert stored.value("SELECT string_agg(slug, ' ') FROM accounts") == "new"
    stored.run("accounts", "remove", "new")


async def test_mail_of_an_erased_account_that_is_here_again_is_told(stored: Home, account: str) -> None:
    """As when a group reads its topics from their start."""
    stored.run("accounts", "remove", account, "--erase", "--yes")
    assert stored.lines("repair", "--check", "--json")[0]["erased"] == []
    await stored.take(*MAIL)
    await stored.take(*MAIL, account="other")
    assert stored.lines("repair", "--check", "--json")[0]["erased"] == [account]
    told = stored.run("repair", "--offline")
    assert (told.exit_code, "mailweir accounts remove work --erase" in told.stderr) == (3, True)
    stored.run("accounts", "remove", account, "--erase", "--yes")
    assert stored.run("repair", "--check").exit_code == 0
    assert stored.value("SELECT string_agg(DISTINCT account_id, ' ') FROM emails") == "other"


async def test_mail_that_was_kept_of_an_account_that_came_after_an_erased_one_is_not(
    stored: Home, account: str
) -> None:
    stored.run("accounts", "remove", account, "--erase", "--yes")
    added = stored.run("accounts", "add", account, "--host", "localhost", "--user", "u", "--auth", "xoauth2")
    assert added.exit_code == 0, added.stderr
    await stored.take(*MAIL)
    stored.run("accounts", "remove", account, "--yes")
    assert stored.value("SELECT count(*) FROM accounts") == 0
    assert stored.run("repair", "--check").exit_code == 0
