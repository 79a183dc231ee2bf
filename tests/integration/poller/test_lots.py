"""What was published and waits for its lot to be written: it is in the ledger when the pass ends, however it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from services.common.clock import SystemClock
from services.common.secret import Secret
from services.poller.adapters import PostgresLedger
from services.poller.tasks.account import sync_once
from tests.fakes.imap_model import PASSWORD, closes, on
from tests.integration.poller.conftest import inbox
from tests.integration.poller.ten_messages import ten


@dataclass
class Clock(SystemClock):
    ahead: float = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class SlowLedger(PostgresLedger):
    """Each write takes a second, of which the tests do not wait."""

    def __init__(self, engine, clock: Clock) -> None:
        super().__init__(engine)
        self.clock = clock
        self.written: list[list[int]] = []

    def add_published(self, folder_id: str, epoch: int, contents: Mapping[int, str]) -> None:
        super().add_published(folder_id, epoch, contents)
        self.clock.ahead += 1.0
        self.written.append(sorted(contents))


async def secret_of(_force: bool) -> tuple[Secret, bool]:
    return Secret(PASSWORD), False


@pytest.mark.parametrize("hooks", [[], [on("UID FETCH", closes(), has="UID FETCH 3 ", times=1)]], ids=["well", "badly"])
async def test_what_waits_for_its_lot_is_in_the_ledger_when_the_pass_ends(play, hooks):
    script = ten()
    script.hooks += hooks
    clock = Clock()
    async with play(script, batch_messages=1) as p:
        ledger = SlowLedger(p.engine, clock)
        result = await sync_once(replace(p.work(), clock=clock, ledger=ledger), secret_of, p.folder)
        assert result.exit_code == 0
        assert p.complete()
        assert sorted(uid for lot in ledger.written for uid in lot) == [*range(1, 11)]
        assert 1 < len(ledger.written) <= 4
        taken = sum(len(message.raw) for message in inbox(script).messages)
        assert ledger.spent(p.slug, clock.now().date()) == taken
