"""Every UID of the open folder with its flags. Answers can be partial, so they are held against EXISTS."""

import contextlib

from msgspec import Struct

from services.poller.domain.flags import Flags
from services.poller.domain.uidset import EMPTY, MAX_UID, Gathering, UidSet
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.model import Opened
from services.poller.imap.session import Session

EVERYTHING = UidSet.range(1, MAX_UID)


class Listed(Struct, frozen=True):
    """What the server lists. ``complete``: as many UIDs as it says exist, or more.

    ``flagged``: UIDs whose flags were told. ``whole``: every UID was asked for, nothing was concluded from counters.
    """

    uids: UidSet
    flags: dict[str, UidSet]
    complete: bool
    flagged: UidSet
    whole: bool = True


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


async def enumerate_all(session: Session, exists: int, known: UidSet) -> Listed:
    """Ask for all; while fewer come than exist, ask again, then for the known ones, then by SEARCH."""
    if exists == 0:
        return await _nevertheless(session)
    flags, uids = await _ask(session, EVERYTHING)
    if len(uids) < exists:
        uids = await _ask_again(session, exists, known, uids, flags)
    events_exist = session.opened.exists if session.opened else exists
    return Listed(uids, flags.sets(), complete=len(uids) >= min(exists, events_exist), flagged=uids)


async def _nevertheless(session: Session) -> Listed:
    """A folder that is said to be empty, though it has given out UIDs, is asked all the same."""
    flags, uids = _nothing()
    if session.opened is None or session.opened.uidnext != 1:
        with contextlib.suppress(CommandRejected, Refused):
            flags, uids = await _ask(session, EVERYTHING)
    return Listed(uids, flags.sets(), complete=True, flagged=uids)


async def _ask(session: Session, wanted: UidSet, flags: Flags | None = None) -> tuple[Flags, UidSet]:
    collected = flags or Flags()
    uids = Gathering()
    async for listing in session.fetch_listing(wanted, ("FLAGS", "X-GM-LABELS")):
        uids.add(listing.uid)
        collected.add(listing.uid, listing.flags or (), listing.labels or ())
    return collected, uids.result()


async def _ask_again(session: Session, exists: int, known: UidSet, uids: UidSet, flags: Flags) -> UidSet:
    """Second opinions, cheapest first; each only adds."""
    doubtful = known - uids
    if doubtful:
        uids = uids | (await _ask(session, doubtful, flags))[1]
    if len(uids) < exists:
        more = (await _ask(session, EVERYTHING))[1] - uids
        uids = uids | ((await _ask(session, more, flags))[1] if more else EMPTY)
    if len(uids) < exists:
        uids = uids | await _searched(session, uids, flags)
    return uids


async def _searched(session: Session, uids: UidSet, flags: Flags) -> UidSet:
    """SEARCH lies on some servers (sequence numbers instead of UIDs): what it adds must be fetchable."""
    try:
        found = await session.search_all() - uids
    except (CommandRejected, Refused):
        return EMPTY
    return (await _ask(session, found, flags))[1] if found else EMPTY


async def enumerate_changes(session: Session, opened: Opened, visible: UidSet, done: Done) -> Listed | None:
    """What changed since the last complete look, or None when only a whole enumeration can tell.

    New UIDs from ``done.uidnext`` on, flags by CHANGEDSINCE (RFC 7162 section 3.1.4), deletions by VANISHED where
    QRESYNC is enabled. The count has to come out right; so the result is that of the whole enumeration.
    """
    if opened.uidnext is None or opened.uidnext < done.uidnext or (done.since_modseq(opened) is None and done.thorough):
        return None
    flags, new = (
        await _ask(session, UidSet.range(done.uidnext, MAX_UID)) if opened.uidnext > done.uidnext else _nothing()
    )
    new = new & UidSet.range(done.uidnext, MAX_UID)
    changed, gone = await _changed(session, visible, done.since_modseq(opened), flags)
    uids = (visible | new) - gone
    if len(uids) != opened.exists:
        return None
    return Listed(uids, flags.sets(), complete=True, flagged=(new | changed) & uids, whole=False)


def _nothing() -> tuple[Flags, UidSet]:
    """No flags, no UIDs."""
    return Flags(), EMPTY


async def _changed(session: Session, visible: UidSet, modseq: int | None, flags: Flags) -> tuple[UidSet, UidSet]:
    """UIDs with changed flags, which are added to ``flags``, and those that vanished."""
    if modseq is None or not visible:
        return EMPTY, EMPTY
    uids: list[int] = []
    try:
        async for listing in session.fetch_changed(UidSet.range(1, visible.highest), modseq, vanished=True):
            if listing.uid in visible and listing.flags is not None:
                uids.append(listing.uid)
                flags.add(listing.uid, listing.flags, listing.labels or ())
    except (CommandRejected, Refused):
        return EMPTY, visible
    return UidSet.of(uids), session.vanished & visible
