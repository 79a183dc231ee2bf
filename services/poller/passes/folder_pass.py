"""One pass over a folder: open, judge, enumerate, compare, fetch, report (RFC 4549 section 3).

    EXAMINE ── UIDVALIDITY? ──▶ enumerate every UID ──▶ ledger: listed, vanished, returned ──▶ fetch what is missing
        ▲                                                                                            │
        └──── NOOP: more came, or something was left out (at most 3 rounds that bring nothing) ◀─────┘

The sets decide what is missing; UIDNEXT and HIGHESTMODSEQ only say when nothing needs to be looked at.
"""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from services.common.errors import Unavailable
from services.common.events import SyncReported
from services.poller.domain.counters import FLAGS_EVERY, Counters, believable
from services.poller.domain.state import FolderRecord, Ledger, Outcome
from services.poller.domain.uidset import UidSet
from services.poller.fetching import resting
from services.poller.folders.catalog import introduce
from services.poller.folders.epochs import report_move, settle, uidnext_to_keep, verify
from services.poller.folders.news import folder_fields
from services.poller.imap.errors import CommandRejected, IdentificationWanted, ImapError, Refused
from services.poller.imap.model import FolderStatus, Opened
from services.poller.imap.names import INBOX, address
from services.poller.imap.session import Session
from services.poller.passes.enumerate import MOST_SIZES, first_items
from services.poller.passes.rounds import ledger_of, quarantined, rounds_of
from services.poller.work import Work

NOTED_EVERY = timedelta(minutes=1)


async def once(work: Work, session: Session, record: FolderRecord) -> Outcome:
    """A thorough pass, or how it ended on an earlier connection of a run that is cut short again and again."""
    known = work.memory.run.done.get(record.wire)
    if known is not None:
        return known
    before = work.memory.progress
    try:
        outcome = await run(work, session, record)
    except (ImapError, Unavailable) as error:
        ended = isinstance(error, Unavailable) or not error.usable
        work.memory.run.fatal[record.wire] += ended and work.memory.progress == before
        raise
    work.memory.run.finished(outcome)
    return outcome


async def run(work: Work, session: Session, record: FolderRecord, *, thorough: bool = True) -> Outcome:
    """One complete pass. Raises ImapError and Unavailable; what was done until then is kept.

    ``thorough`` False: the counters of a server without CONDSTORE are believed for a while, too (between two thorough
    passes of a folder that is watched): equal EXISTS and UIDNEXT exclude additions and deletions, though not flags.
    INBOX is opened whatever LIST tells of it: so it shows when that comes from a cache that is behind.
    """
    status = work.memory.statuses.pop(record.id, None)
    outcome = await _by_status(work, record, status, thorough=thorough)
    if outcome is not None and address(record.wire) != INBOX:
        return outcome
    resting.check(work, record.key)
    try:
        opened = await _open(work, session, record, status)
        record = await _placed(work, session, record, opened)
    except (Refused, CommandRejected) as refusal:
        await _failed(work, record, refusal)
        raise
    await work.say(work.audit("examine", record=record))
    ledger = await ledger_of(work, record)
    barred = await quarantined(work, record)
    quiet = _nothing_new(work, record, ledger, opened, barred, thorough=thorough)
    if quiet and outcome is not None:
        return outcome
    verified = await verify(work, session, record)
    if verified.id != record.id:
        quiet, ledger = False, Ledger(uidvalidity=verified.uidvalidity or 0)
    if not quiet:
        return await _work_through(work, session, verified, ledger, opened, thorough=thorough)
    if not thorough and verified.last_error is None:
        return _unchanged(work, verified, ledger, barred)
    return await _report(work, session, replace(verified, last_error=None), ledger)


async def _work_through(
    work: Work, session: Session, record: FolderRecord, ledger: Ledger, opened: Opened, *, thorough: bool
) -> Outcome:
    """Read the open folder until nothing more comes; then keep its counters, as far as all was explained."""
    try:
        seen = await rounds_of(work, session, record, ledger, opened, thorough=thorough)
    except ImapError as failure:
        await _failed(work, record, failure)
        raise
    fresh = await asyncio.to_thread(_latest, work, record)
    now = work.clock.now()
    mailboxid = opened.mailboxid or fresh.mailboxid
    done = replace(fresh, last_error=seen.error, server_count=opened.exists, mailboxid=mailboxid)
    if seen.whole:
        done = replace(done, full_pass_at=now)
    if seen.error is None:
        modseq = _modseq_to_keep(work, record, opened, behind=seen.behind)
        done = replace(done, uidnext_done=uidnext_to_keep(record, opened), modseq_done=modseq)
    done = await report_move(work, done, len(seen.ledger.published))
    return await _report(work, session, done, seen.ledger)


def _modseq_to_keep(work: Work, record: FolderRecord, opened: Opened, *, behind: bool) -> int | None:
    """HIGHESTMODSEQ as it is told; for a quarter of an hour the old one, where it counts what is not shown yet."""
    told, now = opened.highestmodseq, work.clock.monotonic()
    if not behind or told is None:
        return told
    before, since = work.memory.behind.get(record.id, (None, now))
    since = since if before == told else now
    work.memory.behind[record.id] = (told, since)
    return record.modseq_done if now - since < FLAGS_EVERY else told


async def _open(work: Work, session: Session, record: FolderRecord, status: FolderStatus | None) -> Opened:
    thrifty, then = work.memory.run.thrifty, None
    count = None if status is None or record.uidvalidity is not None else status.messages
    if count is not None and count <= MOST_SIZES and not thrifty:
        then = first_items(session, count)
    try:
        return await session.examine(record.wire, condstore=not thrifty, then=then)
    except IdentificationWanted:
        await session.identify({"name": "Mailweir"}, wanted=True)
        return await session.examine(record.wire)


async def _placed(work: Work, session: Session, record: FolderRecord, opened: Opened) -> FolderRecord:
    """The record in its present epoch; the first look at a folder tells that it is there."""
    if record.uidvalidity is None:
        record = await introduce(work, replace(record, uidvalidity=opened.uidvalidity or 0))
        await asyncio.to_thread(work.ledger.save_folder, record)
    return await settle(work, session, record, opened)


def _latest(work: Work, record: FolderRecord) -> FolderRecord:
    return work.ledger.folder(record.id) or record


async def _by_status(
    work: Work, record: FolderRecord, status: FolderStatus | None, *, thorough: bool
) -> Outcome | None:
    """The quick exit without opening the folder, where LIST gave its counters in the same round trip (RFC 5819)."""
    if status is None or record.uidvalidity != status.uidvalidity or record.last_error is not None:
        return None
    if None not in (record.mailboxid, status.mailboxid) and record.mailboxid != status.mailboxid:
        return None
    seen = Counters(status.uidnext, status.highestmodseq, status.messages)
    if not believable(record, seen, work.clock.now(), work.account.settings.full_pass_interval, thorough=thorough):
        return None
    ledger = await ledger_of(work, record)
    waiting = await quarantined(work, record)
    settled = not ledger.invisible and not ledger.missing(waiting) and _tallies(ledger, seen)
    return _unchanged(work, record, ledger, waiting) if settled else None


def _nothing_new(
    work: Work, record: FolderRecord, ledger: Ledger, opened: Opened, barred: UidSet, *, thorough: bool
) -> bool:
    """The quick exit: all counters stand still, nothing is missing, and the last full look is recent (RFC 7162)."""
    seen = Counters(opened.uidnext, None if opened.nomodseq else opened.highestmodseq, opened.exists)
    still = believable(record, seen, work.clock.now(), work.account.settings.full_pass_interval, thorough=thorough)
    return still and not ledger.invisible and not ledger.missing(barred) and _tallies(ledger, seen)


def _tallies(ledger: Ledger, seen: Counters) -> bool:
    """Whether as many are known as the server counts: fewer, where rows of the ledger were lost."""
    return seen.messages is None or len(ledger.listed - ledger.vanished) >= seen.messages


async def _failed(work: Work, record: FolderRecord, failure: ImapError) -> None:
    """Remember why the pass broke off; the counters stay as they were, so the next pass looks again."""
    fresh = await asyncio.to_thread(work.ledger.folder, record.id)
    if fresh is None:  # another one has its name now
        return
    text = f"{failure.state}: {failure.reason}"[:300]
    await asyncio.to_thread(work.ledger.save_folder, replace(fresh, last_error=text, pass_at=work.clock.now()))


def _unchanged(work: Work, record: FolderRecord, ledger: Ledger, barred: UidSet) -> Outcome:
    """Nothing is new, so nothing is said; that somebody looked is noted, at most once a minute."""
    now = work.clock.now()
    if record.pass_at is None or now - record.pass_at >= NOTED_EVERY:
        work.memory.looks[record.id] = now
    return _outcome(record, ledger, barred)


async def note_looks(work: Work) -> None:
    """Note the folders that were found unchanged, all at once."""
    looks, work.memory.looks = work.memory.looks, {}
    if looks:
        await asyncio.to_thread(work.ledger.note_looks, looks)


async def _report(work: Work, session: Session, record: FolderRecord, ledger: Ledger) -> Outcome:
    """Save the record and say the numbers of the ledger."""
    entries = await asyncio.to_thread(work.ledger.quarantine, record.id, record.epoch)
    barred = UidSet.of(entries) - ledger.published - ledger.vanished
    now = work.clock.now()
    record = replace(record, pass_at=now, sequence=work.next_sequence(record.sequence))
    await asyncio.to_thread(work.ledger.save_folder, record)
    left = await asyncio.to_thread(work.budget_left)
    report = SyncReported(
        **folder_fields(record),
        epoch=record.epoch,
        listed=len(ledger.listed),
        published=len(ledger.published),
        quarantined=len(barred),
        vanished=len(ledger.vanished),
        missing=len(ledger.missing(barred)),
        servercount=record.server_count or 0,
        passedat=now,
        lasterror=record.last_error,
        budgetleft=left,
    )
    await work.say(report)
    return _outcome(record, ledger, barred)


def _outcome(record: FolderRecord, ledger: Ledger, barred: UidSet) -> Outcome:
    missing, still = len(ledger.missing(barred)), len(barred - ledger.published - ledger.vanished)
    return Outcome(record, len(ledger.listed), len(ledger.published), still, missing)
