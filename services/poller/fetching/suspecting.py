"""A message that cannot be retrieved: how often it failed, and when it goes into quarantine."""

import asyncio

from services.poller.domain.schedule import quarantine_until
from services.poller.domain.state import FolderRecord, Quarantined
from services.poller.work import Work


async def suspect(work: Work, record: FolderRecord, uid: int, reason: str, detail: str, *, final: bool = False) -> None:
    """Count a failure of one UID; after ``quarantine_after`` of them, or at once, it goes into quarantine."""
    key = (*record.key, uid)
    failures = work.memory.suspects.get(key, 0) + 1
    work.memory.suspects[key] = failures
    if not final and failures < work.account.settings.quarantine_after:
        return
    del work.memory.suspects[key]
    work.memory.steps += 1
    await asyncio.to_thread(_bar, work, record, uid, reason, detail)


def _bar(work: Work, record: FolderRecord, uid: int, reason: str, detail: str) -> None:
    stays = work.ledger.attempts(record.id, record.epoch, uid) + 1
    until = quarantine_until(work.clock.now(), stays)
    entry = Quarantined(uid=uid, reason=reason, detail=detail[:300], attempts=stays, next_try=until)
    work.ledger.put_quarantine(record.id, record.epoch, entry)
