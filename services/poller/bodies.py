"""Fetch the bodies that are missing. A UID that fails costs itself only: it is asked alone, then quarantined."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from services.poller.delivery import Group, Put
from services.poller.domain.schedule import quarantine_until
from services.poller.domain.state import FolderRecord, Quarantined
from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import CommandRejected, ImapError, LiteralTooLarge, QuotaExceeded, Refused, Temporary
from services.poller.imap.model import Fetched
from services.poller.imap.session import Session
from services.poller.imap.spooling import discard
from services.poller.work import Progress, Work

ITEMS = ("EMAILID", "X-GM-MSGID", "X-GM-LABELS")


@dataclass(slots=True)
class Errand:
    """The bodies of one folder's pass: what was asked for and what came."""

    work: Work
    session: Session
    record: FolderRecord
    wanted: UidSet
    put: Put
    answered: set[int] = field(default_factory=set)
    count: int = 0
    taken: int = 0
    group: Group = field(default_factory=list)
    octets: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """The folder and epoch."""
        return self.record.id, self.record.epoch

    def rest(self, part: UidSet) -> UidSet:
        """What of the part being asked for was not answered, well or badly."""
        return part - UidSet.of(self.answered)


async def fetch(errand: Errand, sizes: dict[int, int]) -> None:
    """Ask for all wanted bodies: in groups, large and suspicious ones alone and last.

    Raises ImapError when the connection is of no further use; what came before is on its way all the same.
    """
    left = await asyncio.to_thread(errand.work.budget_left)
    try:
        for chunk in _plan(errand, sizes):
            _within_budget(errand, left)
            started = errand.work.clock.monotonic()
            await _ask(errand, chunk)
            if errand.session.throttled:  # half the rate: as long a pause as the answer took
                await errand.work.clock.sleep(errand.work.clock.monotonic() - started)
    finally:
        await _flush(errand)


def _within_budget(errand: Errand, left: int | None) -> None:
    """Providers shut out who takes too much a day; ``daily_bytes`` stays below that. Raises QuotaExceeded."""
    if left is not None and errand.taken >= left:
        now = errand.work.clock.now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        daily = errand.work.account.settings.daily_bytes
        reason = f"today's budget of {daily} octets is used up; it goes on after midnight (UTC)"
        raise QuotaExceeded(reason, wait=(midnight - now).total_seconds())


def _plan(errand: Errand, sizes: dict[int, int]) -> list[UidSet]:
    """Groups never tried come first, then those that went with a connection, in smaller groups; single ones last."""
    alone = UidSet.of(_alone(errand, sizes))
    doubtful = [(group & errand.wanted) - alone for group in errand.work.memory.doubtful.get(errand.key, ())]
    fresh = errand.wanted - alone
    for group in doubtful:
        fresh = fresh - group
    singles = [UidSet.of([uid]) for uid in reversed(list(alone))]
    return [*_chunks(errand, fresh), *sorted(filter(len, doubtful), key=len, reverse=True), *singles]


def _alone(errand: Errand, sizes: dict[int, int]) -> Iterable[int]:
    suspects = {uid for *key, uid in errand.work.memory.suspects if tuple(key) == errand.key}
    large = {uid for uid, size in sizes.items() if size > errand.work.account.settings.batch_bytes}
    return (uid for uid in suspects | large if uid in errand.wanted)


def _chunks(errand: Errand, uids: UidSet) -> list[UidSet]:
    """Newest first while there is a backlog, so that today's mail is not behind ten years of it."""
    return list(uids.chunks(errand.work.account.settings.batch_messages))[::-1]


async def _ask(errand: Errand, chunk: UidSet) -> None:
    """Ask for a chunk; halve it as long as the server refuses it; ask again for what it left out."""
    waiting = [chunk]
    while waiting:
        part = waiting.pop()
        errand.answered = set()
        try:
            await _stream(errand, part)
        except (Refused, CommandRejected, Temporary) as error:
            if not error.usable:
                raise
            rest = errand.rest(part)
            if len(rest) > 1:
                waiting += list(rest.chunks((len(rest) + 1) // 2))
            elif rest and not await _bare(errand, rest):
                again = (*errand.key, rest.lowest) in errand.work.memory.suspects
                final = again and isinstance(error, CommandRejected)  # after a BAD once more, on a new connection
                await suspect(errand.work, errand.record, rest.lowest, "refused", str(error), final=final)
        else:
            waiting += await _left_out(errand, part)


async def _bare(errand: Errand, part: UidSet) -> bool:
    """Some servers fail on the date or the size of a message: whether it came when nothing else was asked for."""
    try:
        await _stream(errand, part, bare=True)
    except (Refused, CommandRejected, Temporary) as error:
        if not error.usable:
            raise
    return not errand.rest(part)


async def _stream(errand: Errand, part: UidSet, *, bare: bool = False) -> None:
    try:
        async for fetched in errand.session.fetch_bodies(part, ITEMS, bare=bare):
            await _take(errand, fetched)
    except LiteralTooLarge as error:
        uid = error.uid or errand.rest(part).lowest
        await suspect(errand.work, errand.record, uid, "too-large", f"{error.announced} octets", final=True)
        raise
    except ImapError as error:
        if not error.usable:
            await _lost(errand, part, error)
        raise


async def _lost(errand: Errand, part: UidSet, error: ImapError) -> None:
    """The connection went while these were asked for: one of them may be the cause. Next time in smaller groups."""
    rest = errand.rest(part)
    if len(rest) == 1:
        await suspect(errand.work, errand.record, rest.lowest, "connection", error.reason)
    elif rest:
        first = UidSet.of([rest.lowest])
        groups = [first, rest - first] if errand.answered else list(rest.chunks((len(rest) + 3) // 4))
        memory = errand.work.memory
        memory.doubtful[errand.key] = [group - rest for group in memory.doubtful.get(errand.key, ())] + groups
        memory.steps += 1


async def _take(errand: Errand, fetched: Fetched) -> None:
    work, record = errand.work, errand.record
    errand.answered.add(fetched.uid)
    if fetched.conflict:
        discard(each.body for each in (fetched, *errand.group) if each.uid == fetched.uid)
        errand.group = [each for each in errand.group if each.uid != fetched.uid]
        await suspect(work, record, fetched.uid, "conflict", "two different bodies for one UID", final=True)
    elif not fetched.body and not _truly_empty(errand, fetched):
        await suspect(work, record, fetched.uid, "empty-body", "the server answered without a body")
    else:
        work.memory.suspects.pop((record.id, record.epoch, fetched.uid), None)
        errand.count += 1
        await _group(errand, fetched)


def _truly_empty(errand: Errand, fetched: Fetched) -> bool:
    """An empty body is believed when its declared size is 0 too, on a second connection (RFC 2180 section 4.1.3)."""
    key = (errand.record.id, errand.record.epoch, fetched.uid)
    first = errand.work.memory.empties.setdefault(key, errand.work.memory.connection)
    return fetched.body == b"" and fetched.listing.size == 0 and first != errand.work.memory.connection


async def _group(errand: Errand, fetched: Fetched) -> None:
    settings = errand.work.account.settings
    errand.group.append(fetched)
    errand.octets += fetched.length
    errand.taken += fetched.length
    if len(errand.group) >= settings.batch_messages or errand.octets >= settings.batch_bytes:
        await _flush(errand)


async def _flush(errand: Errand) -> None:
    group, octets = errand.group, errand.octets
    errand.group, errand.octets = [], 0
    if group:
        await errand.put(group)
        folder, wanted = errand.record.name, len(errand.wanted)
        errand.work.progress(Progress(errand.record.account, folder, wanted, errand.count, octets))


async def _left_out(errand: Errand, part: UidSet) -> list[UidSet]:
    """An omission is never an absence: UIDs that are still listed are asked for alone, then suspected."""
    rest = errand.rest(part)
    if not rest:
        return []
    try:
        await errand.session.noop()
        listed = UidSet.of([listing.uid async for listing in errand.session.fetch_listing(rest, ())])
    except (Refused, CommandRejected):
        listed = rest
    if len(part) == 1:
        for uid in [] if await _bare(errand, part & listed) else listed:
            await suspect(errand.work, errand.record, uid, "no-answer", "the server lists it but does not send it")
        return []
    return [UidSet.of([uid]) for uid in listed]


async def suspect(work: Work, record: FolderRecord, uid: int, reason: str, detail: str, *, final: bool = False) -> None:
    """Count a failure of one UID; after ``quarantine_after`` of them, or at once, it goes into quarantine."""
    key = (record.id, record.epoch, uid)
    failures = work.memory.suspects.get(key, 0) + 1
    work.memory.suspects[key] = failures
    work.memory.reasons[key] = reason
    if not final and failures < work.account.settings.quarantine_after:
        return
    del work.memory.suspects[key]
    work.memory.steps += 1
    known = work.ledger.quarantine(record.id, record.epoch).get(uid)
    stays = known.attempts + 1 if known else 1
    until = quarantine_until(work.clock.now(), stays)
    entry = Quarantined(uid=uid, reason=reason, detail=detail[:300], attempts=stays, next_try=until)
    work.ledger.put_quarantine(record.id, record.epoch, entry)
