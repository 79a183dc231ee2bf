"""What a listing changes in the ledger, and what is said of it: vanished, returned, flags, labels."""

import asyncio

from msgspec.structs import replace

from services.poller.domain import flags as flagging
from services.poller.domain.presence import observe
from services.poller.domain.state import FolderRecord, Ledger, Listed
from services.poller.domain.uidset import EMPTY
from services.poller.folders import news
from services.poller.imap.session import Session
from services.poller.work import Work

LABELS = "X-GM-EXT-1"


async def compare(work: Work, session: Session, record: FolderRecord, ledger: Ledger, listed: Listed) -> Ledger:
    """Hold what is listed against the ledger, say what changed, and save it before any body is fetched.

    In this order: what was saved counts as told, and would not be said again after a way out that failed. A message
    does not hold its labels, so those of new ones are said, too.
    """
    now, settings, labelled = work.clock.now(), work.account.settings, session.has(LABELS)
    if listed.complete:
        observed = observe(ledger, listed.uids, now, settings.vanish_confirm)
        vanished, returned, hidden, current = observed.vanished, observed.returned, observed.hidden, observed.ledger
    else:
        current = replace(ledger, listed=ledger.listed | listed.uids, vanished=ledger.vanished - listed.uids)
        vanished, returned, hidden = EMPTY, listed.uids & ledger.vanished, EMPTY
    after = flagging.merged(ledger.flags, listed.flags, listed.flagged)
    told = listed.uids if labelled else ledger.listed & listed.uids  # one that is fetched again is stored already
    different = flagging.changed(ledger.flags, after, told) | (listed.uids - ledger.listed if labelled else EMPTY)
    await work.say(
        *news.vanished(work, record, vanished),
        *news.vanished(work, record, hidden, confirmed=False),
        *news.returned(work, record, returned),
        *news.flagged(work, record, after, different, labelled=labelled),
    )
    work.memory.changes += bool(vanished or hidden or returned or different)
    current = replace(current, flags=after)
    if current != ledger or not current.published:  # an empty folder has its row, too, and a ledger made of rows
        await asyncio.to_thread(work.ledger.save_ledger, record.id, record.epoch, current)
    return current
