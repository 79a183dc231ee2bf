"""When what was published is written to the ledger: at once while that is cheap, in larger lots when it is not.

One write costs as much as the folder's set has ranges. Where UIDs are sparse that is up to half a second, so lots grow
until writing takes a twentieth of the time. A crash in between repeats one lot; every sink absorbs repeats.
"""

import asyncio
from dataclasses import dataclass, field

from services.poller.domain.state import FolderRecord
from services.poller.work import Work

SHARE = 20.0


@dataclass(slots=True)
class Checkpoint:
    """What was published of one folder and is not yet in its ledger."""

    work: Work
    record: FolderRecord
    marks: dict[int, str] = field(default_factory=dict)
    octets: int = 0
    due: float = 0.0

    async def add(self, marks: dict[int, str], octets: int) -> None:
        """Note confirmed messages; write when it is time."""
        self.marks.update(marks)
        self.octets += octets
        if self.work.clock.monotonic() >= self.due:
            await self.write()

    async def write(self) -> None:
        """Write what is noted, if anything is."""
        if not self.marks:
            return
        clock, started = self.work.clock, self.work.clock.monotonic()
        marks, octets = self.marks, self.octets
        self.marks, self.octets = {}, 0
        await asyncio.to_thread(self._write, marks, octets)
        self.due = clock.monotonic() + SHARE * (clock.monotonic() - started)

    def _write(self, marks: dict[int, str], octets: int) -> None:
        ledger, record = self.work.ledger, self.record
        ledger.add_published(record.id, record.epoch, marks)
        ledger.spend(record.account, self.work.clock.now().date(), octets)
