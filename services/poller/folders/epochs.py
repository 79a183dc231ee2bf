"""What a UIDVALIDITY or a falling UIDNEXT means for a known folder, and the new epoch that may follow."""

import asyncio

from msgspec.structs import replace

from services.common.events import UidValidityChanged
from services.poller.domain.samples import by_header
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import UidSet
from services.poller.domain.validity import Verdict, judge
from services.poller.folders.catalog import close_epoch, introduce, retire, successor
from services.poller.folders.news import folder_fields
from services.poller.folders.recognising import compare, marks, recognise
from services.poller.imap.errors import ConnectionLost, NotNow
from services.poller.imap.model import Opened
from services.poller.imap.session import Session
from services.poller.work import Work


async def settle(work: Work, session: Session, record: FolderRecord, opened: Opened) -> FolderRecord:
    """The record in the epoch that the server is in now.

    A smaller UIDVALIDITY is believed when a second connection shows it too. Raises ConnectionLost to ask for that
    connection, NotNow while several back-ends disagree.
    """
    epochs = await asyncio.to_thread(work.ledger.epochs, record.id)
    verdict = judge(record.uidvalidity, opened.uidvalidity, epochs, record.epoch_changes, work.clock.now())
    if verdict is Verdict.SAME or verdict is Verdict.FIRST:
        return await _recreated(work, session, record, opened)
    if verdict is Verdict.FLAPPING:
        raise NotNow("UIDVALIDITY changed more than five times in a day: the folder rests", usable=True)
    value = opened.uidvalidity or 0
    if verdict is Verdict.DOUBTFUL and work.memory.doubted.get(record.id) != value:
        work.memory.doubted[record.id] = value
        raise ConnectionLost("UIDVALIDITY went down; it is read again on a new connection")
    work.memory.doubted.pop(record.id, None)
    epoch = epochs.get(value) or max([record.epoch, *epochs.values()]) + 1
    return await _change_epoch(work, record, value, epoch)


async def _recreated(work: Work, session: Session, record: FolderRecord, opened: Opened) -> FolderRecord:
    """A UIDNEXT that fell or another MAILBOXID: a lie, or another folder under the old name and the old UIDVALIDITY.

    Raises Refused and CommandRejected when the server shows none of the mail: then nothing is concluded.
    """
    another = None not in (record.mailboxid, opened.mailboxid) and record.mailboxid != opened.mailboxid
    if not (another or _fell(record, opened)) or not record.samples or not opened.exists:
        return record
    ledger = await asyncio.to_thread(work.ledger.ledger, record.id, record.epoch, record.uidvalidity or 0)
    given_again = ledger.published & UidSet.range(1, (opened.uidnext or 1) - 1)
    known = record.samples | await marks(work, record, given_again)
    if not await compare(session, known):
        return await succeed(work, record)
    return await _identified(work, record, opened) if another else record


async def _identified(work: Work, record: FolderRecord, opened: Opened) -> FolderRecord:
    """The same folder by another MAILBOXID: kept at once, or it would be compared again in every pass."""
    identified = replace(record, mailboxid=opened.mailboxid)
    await asyncio.to_thread(work.ledger.save_folder, identified)
    return identified


async def refuse_other_mail(work: Work, session: Session, record: FolderRecord, back: UidSet) -> None:
    """UIDs that were gone are there again: after a backup was brought back they may have other mail.

    Raises ConnectionLost when they have: the next connection finds another folder under the name.
    """
    if back and await recognise(session, await marks(work, record, back)) is False:
        await succeed(work, record)
        session.close()
        raise ConnectionLost("UIDs that were gone came back with other mail; the folder is opened anew")


def _fell(record: FolderRecord, opened: Opened) -> bool:
    return record.uidnext_done is not None and opened.uidnext is not None and opened.uidnext < record.uidnext_done


def uidnext_to_keep(record: FolderRecord, opened: Opened) -> int | None:
    """UIDNEXT as it is told. Where it fell in an empty folder the old one: there was no mail to compare yet."""
    return record.uidnext_done if _fell(record, opened) and not opened.exists else opened.uidnext


async def verify(work: Work, session: Session, record: FolderRecord) -> FolderRecord:
    """Compare a few known UIDs: some servers give used UIDs to other mail without a sign.

    At first, once in ``full_pass_interval``, and when the folder was absent. The record may know them better then.
    """
    verified, now = work.memory.verified, work.clock.monotonic()
    if now - verified.get(record.id, float("-inf")) < work.account.settings.full_pass_interval:
        return record
    verified[record.id] = now
    learned: dict[str, str] = {}
    if await recognise(session, by_header(record.samples), learned) is False:
        return await succeed(work, record)
    if not learned:
        return record
    better = replace(record, samples=record.samples | learned)
    await asyncio.to_thread(work.ledger.save_folder, better)
    return better


async def succeed(work: Work, record: FolderRecord) -> FolderRecord:
    """Another folder took the name: the old one is gone, the new one gets an id of its own: places stay unique."""
    await retire(work, record)
    fresh = successor(record, work.clock.now().isoformat())
    fresh = await introduce(work, replace(fresh, uidvalidity=record.uidvalidity))
    await asyncio.to_thread(work.ledger.save_folder, fresh)
    return fresh


async def _change_epoch(work: Work, record: FolderRecord, value: int, epoch: int) -> FolderRecord:
    now = work.clock.now()
    gone = await close_epoch(work, record)
    changed = replace(
        record, uidvalidity=value, epoch=epoch, uidnext_done=None, modseq_done=None, full_pass_at=None, pass_at=None,
        samples={}, sequence=work.next_sequence(record.sequence), epoch_changes=(*record.epoch_changes[-9:], now),
    )  # fmt: skip
    before = record.uidvalidity or 0
    said = UidValidityChanged(**folder_fields(changed), epoch=epoch, olduidvalidity=before, gone=gone)
    work.memory.moved[record.id] = said
    await work.say(said)
    await asyncio.to_thread(work.ledger.save_folder, changed)
    return changed


async def report_move(work: Work, record: FolderRecord, published: int) -> FolderRecord:
    """After the first pass of a new epoch: how many places were linked, how many downloaded again."""
    said = work.memory.moved.pop(record.id, None)
    if said is None:
        return record
    counted = replace(record, sequence=work.next_sequence(record.sequence))
    linked = work.memory.relinked.pop(record.id, 0)
    await work.say(replace(said, sequence=counted.sequence, relinked=linked, refetched=published - linked))
    return counted
