"""Every UID of the open folder with its flags. Answers can be partial, so they are held against EXISTS."""

from msgspec import Struct

from services.poller.domain.flags import Flags
from services.poller.domain.uidset import EMPTY, MAX_UID, UidSet
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.session import Session

EVERYTHING = UidSet.range(1, MAX_UID)


class Listed(Struct, frozen=True):
    """What the server lists. ``complete``: as many UIDs as it says exist, or more."""

    uids: UidSet
    flags: dict[str, UidSet]
    complete: bool


async def enumerate_all(session: Session, exists: int, known: UidSet) -> Listed:
    """Ask for all; while fewer come than exist, ask again, then for the known ones, then by SEARCH."""
    if exists == 0:
        return Listed(EMPTY, {}, complete=True)
    flags, uids = await _ask(session, EVERYTHING)
    if len(uids) < exists:
        uids = await _ask_again(session, exists, known, uids, flags)
    events_exist = session.opened.exists if session.opened else exists
    return Listed(uids, flags.sets(), complete=len(uids) >= min(exists, events_exist))


async def _ask(session: Session, wanted: UidSet, flags: Flags | None = None) -> tuple[Flags, UidSet]:
    collected = flags or Flags()
    uids: list[int] = []
    async for listing in session.fetch_listing(wanted, ("FLAGS",)):
        uids.append(listing.uid)
        collected.add(listing.uid, listing.flags or ())
    return collected, UidSet.of(uids)


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
