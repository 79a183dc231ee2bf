r"""Does a look leave mail unread? Some servers set \Seen although only BODY.PEEK was asked for.

Looked at on first contact and then weekly: an unread message is fetched, the folder is opened anew, and the flags are
read again. It may have been its owner, so two more have to become read in the same way. Then no body is fetched from
this account until the owner accepts it (``accept_seen``) or a weekly look finds the server mended. Nothing is ever
"repaired" by us.
"""

import asyncio
from collections.abc import Awaitable, Callable

from services.poller.domain.uidset import EMPTY, UidSet
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.session import Session
from services.poller.work import WEEK, Work

SEEN = "\\seen"
MARKS, LEAVES = "peek-marks-read", "peek-leaves-unread"
LOOKS = 3
Fetch = Callable[[UidSet], Awaitable[int]]
TOLD = "the server marks messages as read although they are only looked at (BODY.PEEK), so no more are fetched"
ADVICE = "Tell its operator; to fetch all the same: mailweir accounts set {account} --set accept_seen=true"


class MarksRead(Refused):
    """Bodies are not fetched from this account, because the server marks them as read."""

    state = "configuration"


def advice(work: Work) -> str:
    """What the owner can do."""
    return ADVICE.format(account=work.account.slug)


async def recall(work: Work) -> None:
    """Read what is known of the server, and say so as long as the owner did not accept it."""
    work.memory.habits = dict(await asyncio.to_thread(work.ledger.habits, work.account.slug))
    marks = MARKS in work.memory.habits and not work.account.settings.accept_seen
    work.memory.alert = f"{TOLD}. {advice(work)}" if marks else ""


async def check(work: Work, session: Session, unread_ones: UidSet, fetch: Fetch) -> UidSet:
    """Look at the newest whether a look marks as read, when that is due; the UIDs that were fetched for it.

    Raises:
        MarksRead: it does, now or as known, and the owner did not accept that.
    """
    memory = work.memory
    if work.account.settings.accept_seen:
        return EMPTY
    noticed = memory.habits.get(MARKS) or memory.habits.get(LEAVES)
    if noticed is not None and work.clock.now() - noticed < WEEK:
        if MARKS in memory.habits:
            raise MarksRead(TOLD, usable=True)
        return EMPTY
    return EMPTY if memory.run.thrifty else await _look(work, session, unread_ones, fetch)


def unread(uids: UidSet, flags: dict[str, UidSet]) -> UidSet:
    """The UIDs that are not marked as read."""
    for flag, having in flags.items():
        if flag.lower() == SEEN:
            uids = uids - having
    return uids


async def _look(work: Work, session: Session, unread_ones: UidSet, fetch: Fetch) -> UidSet:
    taken = EMPTY
    for uid in reversed(list(unread_ones.newest(LOOKS))):
        one = UidSet.of([uid])
        came = await fetch(one)
        taken = taken | one
        became_read = await _became_read(session, one) if came else None
        if became_read is None:
            return taken
        work.memory.marked = work.memory.marked + 1 if became_read else 0
        if work.memory.marked == 0:
            await _note(work, LEAVES, MARKS)
            return taken
        if work.memory.marked >= LOOKS:
            await _note(work, MARKS, LEAVES)
            await work.say(work.audit("peek", "failed", detail=TOLD))
            raise MarksRead(TOLD, usable=True)
    return taken


async def _note(work: Work, habit: str, other: str) -> None:
    now, account = work.clock.now(), work.account.slug
    await asyncio.to_thread(work.ledger.note_habit, account, habit, now)
    await asyncio.to_thread(work.ledger.forget_habit, account, other)
    await recall(work)


async def _became_read(session: Session, one: UidSet) -> bool | None:
    """Whether this message, unread before, is marked as read now; None when the server does not say.

    The folder is opened anew for that: some servers tell a session the flags of the moment when it opened the folder.
    """
    await session.reopen(one)
    try:
        flags = [listing.flags async for listing in session.fetch_listing(one, ("FLAGS",)) if listing.flags is not None]
    except (Refused, CommandRejected):
        return None
    return any(flag.lower() == SEEN for flag in flags[0]) if flags else None
