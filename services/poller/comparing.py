"""What a listing changes in the ledger, and what is said of it: vanished, returned, flags, labels."""

import asyncio
from typing import Any

from msgspec.structs import replace

from services.common.events import FlagsChanged, MessagesReturned, MessagesVanished
from services.poller.domain import flags as flagging
from services.poller.domain.presence import observe
from services.poller.domain.state import FlagSets, FolderRecord, Ledger
from services.poller.domain.uidset import EMPTY, UidSet
from services.poller.enumerate import Listed
from services.poller.folders import folder_fields
from services.poller.imap.session import Session
from services.poller.work import Work

LABELS = "X-GM-EXT-1"


async def compare(work: Work, session: Session, record: FolderRecord, ledger: Ledger, listed: Listed) -> Ledger:
    """Hold what is listed against the ledger, save it before any body is fetched, and say what changed."""
    now, settings = work.clock.now(), work.account.settings
    if listed.complete:
        observed = observe(ledger, listed.uids, now, settings.vanish_confirm)
        vanished, returned, hidden, current = observed.vanished, observed.returned, observed.hidden, observed.ledger
    else:
        current = replace(ledger, listed=ledger.listed | listed.uids, vanished=ledger.vanished - listed.uids)
        vanished, returned, hidden = EMPTY, listed.uids & ledger.vanished, EMPTY
    after = flagging.merged(ledger.flags, listed.flags, listed.flagged)
    different = flagging.changed(ledger.flags, after, ledger.published & listed.uids)
    current = replace(current, flags=after)
    if current != ledger or not current.listed:  # an empty folder has its row, too
        await asyncio.to_thread(work.ledger.save_ledger, record.id, record.epoch, current)
    said = [MessagesVanished(**_fields(work, record), uids=vanished.text())] if vanished else []
    doubted = [MessagesVanished(**_fields(work, record), uids=hidden.text(), confirmed=False)] if hidden else []
    back = [MessagesReturned(**_fields(work, record), uids=returned.text())] if returned else []
    await work.say(*said, *doubted, *back, *_flagged(work, session, record, after, different))
    return current


async def tell_labels(work: Work, session: Session, record: FolderRecord, ledger: Ledger, before: UidSet) -> None:
    """Say the labels of messages that were published since ``before``: a message itself does not hold them."""
    if session.has(LABELS):
        fresh = ledger.published - before
        await work.say(*_flagged(work, session, record, ledger.flags, fresh))


def _flagged(work: Work, session: Session, record: FolderRecord, flags: FlagSets, uids: UidSet) -> list[FlagsChanged]:
    if not uids:
        return []
    return [FlagsChanged(**_fields(work, record), changes=flagging.grouped(flags, uids, labelled=session.has(LABELS)))]


def _fields(work: Work, record: FolderRecord) -> dict[str, Any]:
    """Those of an event with a number of its own: of two with the same, the second would change nothing."""
    return folder_fields(replace(record, sequence=work.next_sequence(record.sequence)))
