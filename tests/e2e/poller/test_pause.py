"""A sync that is paused past its lease (SIGSTOP): another takes over, and the paused one stops when it comes back."""

import signal
from pathlib import Path

from sqlalchemy import text

from services.common.database import engine_for
from services.common.postgres import embedded_postgres
from tests.e2e.poller.held import BATCH, caught, desk, holding, is_stored_once, kill, let_go
from tests.fakes.imap_model import Script

COUNT = 1500
HELD = 9  # of about sixty requests


def many() -> Script:
    return holding(COUNT, [HELD])


def lease_ends(home: Path) -> None:
    """As if a minute had passed."""
    engine = engine_for(embedded_postgres.ensure(home))
    with engine.begin() as connection:
        connection.execute(text("UPDATE leases SET expires_at = now() - interval '1 second'"))
    engine.dispose()


def test_a_paused_sync_is_replaced_and_stops_when_it_comes_back(tmp_path: Path) -> None:
    with desk(tmp_path, f"{__name__}:many") as mailweir:
        first = caught(mailweir, tmp_path, HELD, BATCH * (HELD - 3))
        try:
            first.send_signal(signal.SIGSTOP)
            refused = mailweir("sync", "t")
            assert refused.returncode == 3
            assert "another process" in refused.stderr
            lease_ends(mailweir.home)
            let_go(tmp_path, HELD)
            assert mailweir("sync", "t").returncode == 0
            first.send_signal(signal.SIGCONT)
            _, said = first.communicate(timeout=120)
            assert first.returncode == 3
            assert "another process works on account t now" in said
        finally:
            kill(first)
        assert is_stored_once(mailweir, COUNT)
