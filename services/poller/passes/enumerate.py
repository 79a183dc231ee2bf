"""Every UID of the open folder with its flags. Answers can be partial, so they are held against EXISTS."""

import contextlib

from msgspec import Struct

from services.poller.domain.flags import Flags
from services.poller.domain.state import Listed
from services.poller.domain.uidset import EMPTY, MAX_UID, Gathering, UidSet
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.fetching import EVERYTHING
from services.poller.imap.model import Events, Opened
from services.poller.imap.session import Session

ITEMS = ("FLAGS", "X-GM-LABELS")
WITH_SIZES = (*ITEMS, "RFC822.SIZE")
MOST_SIZES = 1000  # a server takes its time to work them out
MOST_REFUSALS = 64
MOST_HOLES = 200
LAGS = "X-GM-EXT-1"  # Gmail counts what is changed on the web at once and shows it later


class Done(Struct, frozen=True):
    """Where the last complete look ended. ``thorough``: a look that also has to see flags."""

    uidnext: int
    modseq: int | None
    thorough: bool

    def since_modseq(self, opened: Opened) -> int | None:
        """From where CHANGEDSINCE tells all changes; None when the server does not count, or counts backwards."""
        if self.modseq is None or opened.nomodseq or opened.highestmodseq is None:
            return None
        return self.modseq if opened.highestmodseq >= self.modseq else None


class Collected:
    """What one or more commands listed of the open folder. A refusal keeps what came before it.

    ``bare``: UIDs that were told without flags, since answers with flags could not be read.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.flags = Flags()
        self.sizes: dict[int, int] = {}
        self.uids = self.bare = EMPTY

    async def ask(self, wanted: UidSet, items: tuple[str, ...] = ITEMS) -> UidSet:
        """List these; the UIDs that were not there before. Raises ImapError."""
        known, flagged, bare = self.uids, Gathering(), Gathering()
        highest = 0
        try:
            async for listing in self._session.fetch_listing(wanted, items):
                uid = listing.uid
                if known and uid in known:
                    continue
                (bare if listing.flags is None else flagged).add(uid)
                if uid > highest:
                    highest = uid
                    self.flags.add(uid, listing.flags or (), listing.labels or ())
                else:  # or the same one again, changed meanwhile
                    self.flags.replace(uid, listing.flags, listing.labels)
                if listing.size is not None:
                    self.sizes[uid] = listing.size
        finally:
            told = flagged.result()
            untold = bare.result() - told
            self.uids, self.bare = known | told | untold, self.bare | untold
        return told | untold

    async def try_(self, wanted: UidSet, items: tuple[str, ...] = ITEMS) -> UidSet:
        """As ``ask``; a refusal counts as an answer without any more."""
        before = self.uids
        if wanted:
            with contextlib.suppress(CommandRejected, Refused):
                await self.ask(wanted, items)
        return self.uids - before


def first_items(session: Session, exists: int) -> tuple[str, ...]:
    """What is asked for of a folder of which nothing is known: sizes at once where they take the server no time."""
    return WITH_SIZES if session.hurries and session.tells_sizes and 0 < exists <= MOST_SIZES else ITEMS


async def enumerate_all(session: Session, exists: int, known: UidSet, items: tuple[str, ...] = ITEMS) -> Listed:
    """Ask for all, also where there is said to be nothing; while fewer come than exist, ask in other ways, too."""
    found = Collected(session)
    try:
        if items is ITEMS or len(await found.try_(EVERYTHING, items)) < exists:
            refused = items is not ITEMS and not found.uids
            await found.ask(EVERYTHING)
            session.tells_sizes = session.tells_sizes and not refused
    except (CommandRejected, Refused) as refusal:
        if exists:
            await _in_parts(session, found)
            if not found.uids:
                raise refusal
    if len(found.uids) < exists:
        await _ask_again(session, exists, known, found)
    events_exist = session.opened.exists if session.opened else exists
    complete = len(found.uids) >= min(exists, events_exist)
    return Listed(found.uids, found.flags.sets(), complete=complete, flagged=found.uids - found.bare, sizes=found.sizes)


def count_after(exists: int, events: Events, listed: Listed) -> int:
    """How many messages there are after ``events``. VANISHED may name UIDs that were never there (RFC 7162)."""
    if events.exists is not None:
        return max(events.exists - len(events.since & listed.uids), 0)
    return exists - events.expunged - len(events.vanished & listed.uids)


async def _in_parts(session: Session, found: Collected) -> None:
    """Some servers refuse a range over everything, or one with ``*``: halve it as often as it is refused."""
    uidnext = session.opened.uidnext if session.opened else None
    top = min(max(uidnext or 0, 2), MAX_UID) - 1
    waiting, refusals = [UidSet.range(1, top)], 0
    while waiting and refusals < MOST_REFUSALS:
        part = waiting.pop() - found.uids
        try:
            await found.ask(part)
        except (CommandRejected, Refused):
            refusals += 1
            if part.highest > part.lowest:
                middle = (part.lowest + part.highest) // 2
                waiting += [part & UidSet.range(1, middle), part & UidSet.range(middle + 1, MAX_UID)]
    await found.try_(UidSet.range(top + 1, MAX_UID) - found.uids)


async def _ask_again(session: Session, exists: int, known: UidSet, found: Collected) -> None:
    """Second opinions, cheapest first; each only adds."""
    await found.try_(known - found.uids)
    for where in (_outside, _inside):  # answers that were cut short or have holes
        while len(found.uids) < exists and await found.try_(where(found.uids)):
            pass
    if len(found.uids) < exists:
        await found.try_(EVERYTHING, ())
    if len(found.uids) < exists:
        await found.try_(await _searched(session) - found.uids, ())


def _outside(uids: UidSet) -> UidSet:
    return EVERYTHING - UidSet.range(uids.lowest, uids.highest) if uids else EMPTY


def _inside(uids: UidSet) -> UidSet:
    """Holes, unless the UIDs are so sparse that naming them takes too many commands."""
    return UidSet.range(uids.lowest, uids.highest) - uids if uids and uids.parts <= MOST_HOLES else EMPTY


async def _searched(session: Session) -> UidSet:
    """SEARCH lies on some servers (sequence numbers instead of UIDs): what it says must be fetchable."""
    try:
        return await session.search_all()
    except (CommandRejected, Refused):
        return EMPTY


async def enumerate_changes(session: Session, opened: Opened, visible: UidSet, done: Done) -> Listed | None:
    """What changed since the last complete look, or None when only a whole enumeration can tell.

    New UIDs from ``done.uidnext`` on, flags by CHANGEDSINCE (RFC 7162 section 3.1.4), deletions by VANISHED where
    QRESYNC is enabled. The count has to come out right; so the result is that of the whole enumeration. Where the
    server does not tell what went away, one gone may make up for one left out: no UID may be left out between.
    """
    if opened.uidnext is None or opened.uidnext < done.uidnext or (done.since_modseq(opened) is None and done.thorough):
        return None
    found = Collected(session)
    if opened.uidnext > done.uidnext:
        await _ask_for_new(session, found, UidSet.range(done.uidnext, MAX_UID), opened.uidnext - done.uidnext)
    new = found.uids
    since = done.since_modseq(opened)
    changed, gone, highest = await _changed(session, visible, since, found.flags)
    uids = (visible | new) - gone
    sure = session.tells_vanished or done.modseq is None or len(new) >= opened.uidnext - done.uidnext
    if len(uids) != opened.exists or changed - visible - new or not sure:
        return None
    flagged = (new | changed) & uids
    behind = since is not None and session.has(LAGS) and highest < (opened.highestmodseq or 0)
    flags = found.flags.sets()
    return Listed(uids, flags, complete=True, flagged=flagged, whole=False, sizes=found.sizes, behind=behind)


async def _ask_for_new(session: Session, found: Collected, new: UidSet, most: int) -> None:
    """List new mail; of at most so many that it takes no time with sizes, which then need no question of their own."""
    with_sizes = session.tells_sizes and most <= MOST_SIZES
    if with_sizes and await found.try_(new, WITH_SIZES):
        return
    listed = await found.ask(new)
    session.tells_sizes = session.tells_sizes and not (with_sizes and listed)


async def _changed(session: Session, visible: UidSet, modseq: int | None, flags: Flags) -> tuple[UidSet, UidSet, int]:
    """UIDs that changed, unknown ones too, those that vanished, and the highest MODSEQ, which is ``modseq`` or above.

    Flags of visible ones are added to ``flags``.
    """
    if modseq is None or not visible:
        return EMPTY, EMPTY, 0
    uids: list[int] = []
    highest = modseq
    try:
        async for listing in session.fetch_changed(EVERYTHING, modseq, vanished=True):
            highest = max(highest, listing.modseq or 0)
            if listing.flags is not None or listing.uid not in visible:
                uids.append(listing.uid)
            if listing.flags is not None and listing.uid in visible:
                flags.replace(listing.uid, listing.flags, listing.labels)
    except (CommandRejected, Refused):
        return EMPTY, visible, highest
    return UidSet.of(uids), session.vanished & visible, highest
