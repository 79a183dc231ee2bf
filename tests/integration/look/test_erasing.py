"""Mail is erased only when no other process brings more of it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.common.errors import Incomplete
from services.front import erasing
from services.poller.adapters import PostgresLeases
from tests.integration.look.conftest import Home

HOLDER = "from services.poller.lease import owner; print(owner(), flush=True); input()"


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


async def test_the_lease_of_a_dead_process_does_not_hold_it_up(stored: Home, account: str) -> None:
    with held(stored):
        pass
    stored.run("accounts", "remove", account, "--erase", "--yes")
    assert stored.value("SELECT count(*) FROM emails") == 0
    assert stored.value("SELECT count(*) FROM leases WHERE account = 'work'") == 0
    assert stored.objects() == []
