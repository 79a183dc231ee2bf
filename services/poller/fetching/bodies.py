"""Fetch the bodies that are missing. A UID that fails costs itself only: it is asked alone, then quarantined."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import EMPTY, UidSet
from services.poller.fetching import resting
from services.poller.fetching.delivery import Group, Put
from services.poller.fetching.suspecting import suspect
from services.poller.imap.errors import CommandRejected, ImapError, LiteralTooLarge, QuotaExceeded, Refused
from services.poller.imap.model import Fetched
from services.poller.imap.session import Session
from services.poller.imap.spooling import discard
from services.poller.turns import TurnOver
from services.poller.work import Progress, Work

ITEMS = ("EMAILID", "X-GM-MSGID", "X-GM-LABELS")
FIRST, SLICE = 200, 1000  # a server works out the sizes of so many before the bodies at hand are delivered
LEFT_OUT = "the server lists it but does not send it"
Ready = Callable[[UidSet], Awaitable[UidSet]]


@dataclass(slots=True)
class Errand:
    """The bodies of one folder's pass: what was asked for and what came.

    ``budget``: octets that may be taken, None without a limit. ``large``: messages for which a group has no room.
    ``settled``: looked at before the others, or too large to be asked for at all.
    ``told``: sizes that came with the listing, in octets. ``vain``: messages that did not come, asked for alone.
    """

    work: Work
    session: Session
    record: FolderRecord
    wanted: UidSet
    put: Put
    budget: int | None = None
    large: set[int] = field(default_factory=set)
    vain: int = 0
    settled: set[int] = field(default_factory=set)
    told: dict[int, int] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)
    count: int = 0
    taken: int = 0
    group: Group = field(default_factory=list)
    octets: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """The folder and epoch."""
        return self.record.key

    def rest(self, part: UidSet) -> UidSet:
        """What of the part being asked for was not answered, well or badly."""
        return part - UidSet.of(self.answered)


async def fetch(errand: Errand, ready: Ready) -> None:
    """Ask for all wanted bodies, newest first: in groups, large and suspicious ones alone and last.

    ``ready`` is told of each slice when its turn comes, and gives what of it may go in groups: a server takes its time
    to work out sizes, and the bodies of the slice before are delivered meanwhile.
    Raises ImapError when the connection is of no further use, and Refused when no message comes at all; what came
    before is on its way all the same.
    """
    doubtful = errand.work.memory.doubtful.get(errand.key, [])
    suspects = errand.work.memory.suspected(errand.key) & errand.wanted
    try:
        for part in _slices(errand.wanted):
            fresh = await ready(part) - suspects
            for group in doubtful:
                fresh = fresh - group
            await ask(errand, _newest_first(fresh, errand.work.account.settings.batch_messages))
        await ask(errand, _last(errand, doubtful, suspects))
    finally:
        await _flush(errand)


async def ask(errand: Errand, chunks: Iterable[UidSet]) -> int:
    """Ask for these, one chunk after the other; how many bodies came. Raises ImapError, QuotaExceeded and TurnOver."""
    before = errand.count
    for chunk in chunks:
        started = errand.work.clock.monotonic()
        await _ask(errand, chunk)
        if errand.session.throttled:  # half the rate: as long a pause as the answer took
            await errand.work.clock.sleep(errand.work.clock.monotonic() - started)
        if errand.work.turns.over(errand.work.account, errand.work.clock.monotonic()):
            raise TurnOver
    return errand.count - before


def _within_budget(errand: Errand) -> None:
    """Providers shut out who takes too much a day; ``daily_bytes`` stays below that. Raises QuotaExceeded."""
    if errand.budget is not None and errand.taken >= errand.budget:
        now = errand.work.clock.now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        daily = errand.work.account.settings.daily_bytes
        reason = f"today's budget of {daily} octets is used up; it goes on after midnight (UTC)"
        raise QuotaExceeded(reason, wait=(midnight - now).total_seconds())


def _newest_first(uids: UidSet, size: int) -> list[UidSet]:
    """Chunks in an order that does not leave today's mail behind ten years of it."""
    return list(uids.chunks(size))[::-1]


def _slices(wanted: UidSet) -> list[UidSet]:
    """Newest first; of many a small one before the others, so that something is delivered as early as can be."""
    first = wanted.newest(FIRST) if len(wanted) > SLICE else EMPTY
    return [*_newest_first(first, FIRST), *_newest_first(wanted - first, SLICE)]


def _last(errand: Errand, doubtful: Iterable[UidSet], suspects: UidSet) -> list[UidSet]:
    """What is not asked for with others: groups that went with a connection, smaller ones later, then single ones."""
    alone = suspects | UidSet.of(errand.large)
    groups = [(group & errand.wanted) - alone for group in doubtful]
    singles = [UidSet.of([uid]) for uid in reversed(list(alone))]
    return [*sorted(filter(len, groups), key=len, reverse=True), *singles]


async def _ask(errand: Errand, chunk: UidSet) -> None:
    """Ask for a chunk; halve it as long as the server refuses it; ask again for what it left out."""
    waiting = [chunk]
    while waiting:
        part = waiting.pop() - UidSet.of(errand.settled)
        if not part:
            continue
        _within_budget(errand)
        errand.answered = set()
        try:
            await _stream(errand, part)
        except (Refused, CommandRejected) as error:
            if not error.usable:
                raise
            rest = errand.rest(part)
            if len(rest) > 1:
                waiting += list(rest.chunks((len(rest) + 1) // 2))
            elif rest and not await _bare(errand, rest):
                again = (*errand.key, rest.lowest) in errand.work.memory.suspects
                final = again and isinstance(error, CommandRejected)  # after a BAD once more, on a new connection
                await suspect(errand.work, errand.record, rest.lowest, "refused", str(error), final=final)
                await _in_vain(errand, str(error))
        else:
            waiting += await _left_out(errand, part)


async def _in_vain(errand: Errand, reason: str) -> None:
    """One more did not come. Where none came so far, a few others are tried. Raises Refused when they do not come."""
    errand.vain += 1
    if errand.count or errand.vain != resting.MOST_IN_VAIN or await _sends_known(errand):
        return
    for one in resting.few_of(errand.wanted):
        if await _bare(errand, one) and errand.count:
            errand.settled.update(one)
            return
    raise resting.begin(errand.work, errand.key, errand.vain + resting.SAMPLES, reason)


async def _sends_known(errand: Errand) -> bool:
    """Whether the server sends mail that it has sent before: then it is those that are wanted that are bad."""
    known = UidSet.of(map(int, errand.record.samples)).newest(resting.KNOWN)
    came = 0
    with suppress(Refused, CommandRejected):
        async for fetched in errand.session.fetch_bodies(known, bare=True):
            came += fetched.length
            discard([fetched.body])
    return came > 0


async def _bare(errand: Errand, part: UidSet) -> bool:
    """Some servers fail on the date or the size of a message: whether it came when nothing else was asked for."""
    try:
        await _stream(errand, part, bare=True)
    except (Refused, CommandRejected) as error:
        if not error.usable:
            raise
    return not errand.rest(part)


async def _stream(errand: Errand, part: UidSet, *, bare: bool = False) -> None:
    try:
        async for fetched in errand.session.fetch_bodies(part, ITEMS, bare=bare):
            await _take(errand, fetched)
    except LiteralTooLarge as error:
        await _too_large(errand, part, error)
        raise
    except ImapError as error:
        if not error.usable:
            await _lost(errand, part, error)
        raise


async def _too_large(errand: Errand, part: UidSet, error: LiteralTooLarge) -> None:
    """A UID that the server named, if it is wanted at all; else the only one that it can be, once that stands alone."""
    named = errand.wanted & UidSet.of([error.uid] if error.uid else []) or errand.rest(part)
    if len(named) == 1:
        await suspect(errand.work, errand.record, named.lowest, "too-large", f"{error.announced} octets", final=True)
    else:
        await _lost(errand, part, error)


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
        work.memory.suspects.pop((*record.key, fetched.uid), None)
        errand.count += 1
        resting.end(work, errand.key)
        await _group(errand, fetched)


def _truly_empty(errand: Errand, fetched: Fetched) -> bool:
    """An empty body is believed when its declared size is 0 too, on a second connection (RFC 2180 section 4.1.3)."""
    key = (*errand.key, fetched.uid)
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
        await errand.session.poke()
        listed = UidSet.of([listing.uid async for listing in errand.session.fetch_listing(rest, ())])
    except (Refused, CommandRejected):
        listed = rest
    if len(part) == 1:
        for uid in [] if await _bare(errand, part & listed) else listed:
            await suspect(errand.work, errand.record, uid, "no-answer", LEFT_OUT)
            await _in_vain(errand, LEFT_OUT)
        await _unseen(errand, part - listed)
        return []
    return [UidSet.of([uid]) for uid in listed]


async def _unseen(errand: Errand, one: UidSet) -> None:
    """It went away, unless it is asked for again: then the server lists it among others and not alone."""
    for uid in one:
        key = (*errand.key, uid)
        if key in errand.work.memory.unseen:
            await suspect(errand.work, errand.record, uid, "no-answer", LEFT_OUT)
        errand.work.memory.unseen.add(key)
