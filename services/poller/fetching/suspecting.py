"""A message that cannot be retrieved: how often it failed, and when it goes into quarantine."""

import asyncio

from services.poller.domain.schedule import quarantine_until
from services.poller.domain.state import FolderRecord, Quarantined
from services.poller.work import Work


async def suspect(work: Work, record: FolderRecord, uid: int, reason: str, detail: str, *, final: bool = False) -> None:
    """Count a failure of one UID; after ``quarantine_after`` of them, or at once, it goes into quarantine.

    At once goes what was there before, unless its connection may have ended for another reason: a process that looks
    once only would never come to the next, longer wait.
    """
    key = (*record.key, uid)
    failures = work.memory.suspects.get(key, 0) + 1
    work.memory.suspects[key] = failures
    stays = await asyncio.to_thread(work.ledger.attempts, record.id, record.epoch, uid)
    returns = stays > 0 and reason != "connection"
    if not (final or returns) and failures < work.account.settings.quarantine_after:
        return
    del work.memory.suspects[key]
    work.memory.steps += 1
    until = quarantine_until(work.clock.now(), stays + 1)
    entry = Quarantined(uid=uid, reason=reason, detail=detail[:300], attempts=stays + 1, next_try=until)
    await asyncio.to_thread(work.ledger.put_quarantine, record.id, record.epoch, entry)
