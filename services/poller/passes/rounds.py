"""The rounds of a pass: enumerate, compare and fetch an open folder until nothing more comes."""

import asyncio
import contextlib
from functools import partial

from msgspec import Struct

from services.poller import handlers, peeking
from services.poller.domain.counters import FLAGS_EVERY
from services.poller.domain.state import FolderRecord, Ledger, Listed
from services.poller.domain.uidset import UidSet
from services.poller.fetching import bodies
from services.poller.fetching.checkpoint import Checkpoint
from services.poller.fetching.delivery import delivering
from services.poller.fetching.sizing import without_large
from services.poller.folders.epochs import refuse_other_mail
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.model import Events, Opened
from services.poller.imap.session import Session
from services.poller.passes.comparing import compare
from services.poller.passes.enumerate import ITEMS, Done, count_after, enumerate_all, enumerate_changes, first_items
from services.poller.passes.relinking import relink
from services.poller.passes.sharing import share
from services.poller.resuming import Look
from services.poller.work import Work

MAX_ROUNDS = 3
MOST_ROUNDS = 30


class Seen(Struct, frozen=True):
    """What the rounds of a pass led to: the UID sets, and the text of what stayed unexplained, if anything did.

    ``whole``: every UID was asked for. ``behind``: the server counts a change that it did not show yet.
    """

    ledger: Ledger
    error: str | None
    whole: bool
    behind: bool


class Round(Struct, frozen=True):
    """One round: the UID sets after it, what happened meanwhile, whether mail was fetched, and whether some is left."""

    ledger: Ledger
    events: Events
    fetched: bool
    left: bool


async def ledger_of(work: Work, record: FolderRecord) -> Ledger:
    """The UID sets as they are stored now."""
    return await asyncio.to_thread(work.ledger.ledger, record.id, record.epoch, record.uidvalidity or 0)


async def quarantined(work: Work, record: FolderRecord) -> UidSet:
    """UIDs whose next try is not due yet."""
    now = work.clock.now()
    entries = (await asyncio.to_thread(work.ledger.quarantine, record.id, record.epoch)).values()
    return UidSet.of(entry.uid for entry in entries if entry.next_try is None or entry.next_try > now)


async def rounds_of(
    work: Work, session: Session, record: FolderRecord, ledger: Ledger, opened: Opened, *, thorough: bool
) -> Seen:
    """Enumerate and fetch until nothing more comes."""
    error: str | None = None
    exists, whole = opened.exists, False
    look = work.memory.run.recall(record.key, opened)
    listed = look.listed if look else await _changes(work, session, record, ledger, opened, thorough=thorough)
    behind = listed is not None and listed.behind
    rounds = idle = 0
    while idle < MAX_ROUNDS and rounds < MOST_ROUNDS:
        if listed is None:
            known = ledger.listed - ledger.vanished
            items = ITEMS if known else first_items(session, exists)
            listed = await enumerate_all(session, exists, known, items)
        if listed.complete and exists == opened.exists:
            work.memory.run.looked(Look(record.key, opened, listed))
        whole = whole or listed.whole
        error = None if listed.complete else f"the server lists {len(listed.uids)} of {exists} messages"
        done = await _round(work, session, record, ledger, listed)
        ledger, events = done.ledger, done.events
        rounds, idle = rounds + 1, 0 if done.fetched else idle + 1
        more = done.left or (events.exists is not None and events.exists != exists)
        if not more and not events.expunged and not events.vanished and listed.complete:
            break
        exists = count_after(exists, events, listed)
        if not more and not events.expunged and not done.fetched:
            break
        listed = None
    return Seen(ledger, error, whole, behind)


async def _round(work: Work, session: Session, record: FolderRecord, ledger: Ledger, listed: Listed) -> Round:
    """Compare what is listed with the ledger, and fetch what is missing."""
    await refuse_other_mail(work, session, record, listed.uids & (ledger.vanished | ledger.invisible))
    compared = await compare(work, session, record, ledger, listed)
    missing = compared.missing(await quarantined(work, record)) & listed.uids
    events = await _fetch(work, session, record, missing, listed)
    after = await ledger_of(work, record) if missing else compared
    left = bool(missing and await _left(work, record, after) & listed.uids)
    return Round(after, events, fetched=after.published != compared.published, left=left)


async def _news(session: Session) -> Events:
    """What happened meanwhile: some servers only say it when they are asked after bodies were fetched."""
    with contextlib.suppress(Refused, CommandRejected):
        return await session.noop()
    return session.take_events()


async def _changes(
    work: Work, session: Session, record: FolderRecord, ledger: Ledger, opened: Opened, *, thorough: bool
) -> Listed | None:
    """Only what changed, while a whole enumeration is recent enough; None: enumerate."""
    if record.full_pass_at is None or record.uidnext_done is None or ledger.invisible or work.memory.run.thrifty:
        return None
    if ledger.listed and not ledger.published:  # made of rows (see ``rebuilt``), which may lack some of the folder
        return None
    age = (work.clock.now() - record.full_pass_at).total_seconds()
    thorough = thorough or age >= FLAGS_EVERY
    if age >= work.account.settings.full_pass_interval:
        return None
    done = Done(record.uidnext_done, record.modseq_done, thorough)
    return await enumerate_changes(session, opened, ledger.listed - ledger.vanished, done)


async def _left(work: Work, record: FolderRecord, ledger: Ledger) -> UidSet:
    """What is still to be asked for in this pass: what failed and is not in quarantine yet is left to the next one."""
    return ledger.missing(await quarantined(work, record)) - work.memory.suspected(record.key)


async def _fetch(work: Work, session: Session, record: FolderRecord, missing: UidSet, listed: Listed) -> Events:
    """Get what is missing, and deliver it; what happened meanwhile."""
    if not missing:
        return session.take_events()
    checkpoint = Checkpoint(work, record)
    try:
        wanted = missing - await relink(work, session, record, missing, checkpoint)
        wanted = wanted - await share(work, session, record, wanted, checkpoint)
        budget = await asyncio.to_thread(work.budget_left)
        async with delivering(partial(handlers.deliver, work, record, checkpoint)) as put:
            errand = bodies.Errand(work, session, record, wanted, put, budget, told=listed.sizes)
            await bodies.fetch(errand, partial(_ready, errand, peeking.unread(wanted, listed.flags)))
            events = await _news(session) if errand.count or wanted != missing else session.take_events()
    finally:
        await checkpoint.write()
    return events


async def _ready(errand: bodies.Errand, unread: UidSet, part: UidSet) -> UidSet:
    """What of a slice may be fetched in groups; one that is fetched to see whether that marks as read is settled."""
    small = await without_large(errand, part)
    among = unread & UidSet.range(part.lowest, part.highest) & small - errand.work.memory.suspected(errand.record.key)
    looked_at = await peeking.check(errand.work, errand.session, among, lambda one: bodies.ask(errand, [one]))
    errand.settled.update(looked_at)
    return small
