"""How a watched account hears of new mail: IDLE for one folder, NOTIFY for the others, or a poll when neither tells.

All of it is a hint: what nobody tells of is found by the polls.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.poller.domain.state import FolderRecord
from services.poller.imap.errors import CommandRejected, NetworkError, ProtocolViolation, Refused
from services.poller.imap.names import INBOX, address
from services.poller.imap.notify import Known
from services.poller.imap.session import Session
from services.poller.work import Work

log = logging.getLogger(__name__)
DAY, MOST_LOST, MOST_HASTY, CALM = 86_400.0, 3, 10, 1.0
_REFUSED = (CommandRejected, Refused)


@dataclass(slots=True)
class Trust:
    """Whether a server is asked for something optional: not before ``after`` (monotonic).

    ``lost``: how many times in a row the connection ended of it.
    """

    after: float = float("-inf")
    lost: int = 0

    def forfeit(self, now: float) -> None:
        """It was refused: it is not asked for again for a day."""
        self.after = now + DAY

    def cut(self, now: float) -> None:
        """A connection ended of it: after some in a row it is not asked for again for a day."""
        self.lost += 1
        if self.lost >= MOST_LOST:
            self.forfeit(now)


@dataclass(slots=True)
class Ear:
    """What one account's task remembers of how its server tells of mail, between connections.

    ``heard``: id, number of messages, UIDNEXT and HIGHESTMODSEQ of the watched folder that were last acted upon, while
    the ledger has others. ``hasty``: rounds in a row that took next to no time and brought no mail. ``stirred``: one of
    them found something else changed. ``calm``: seconds of the next pause for that.
    """

    idles: Trust = field(default_factory=Trust)
    notifies: Trust = field(default_factory=Trust)
    heard: tuple[str, int | None, int | None, int | None] | None = None
    hasty: int = 0
    stirred: bool = False
    calm: float = CALM

    def note(self, *, hasty: bool, stirred: bool) -> None:
        """One more round, hasty or not."""
        self.hasty, self.stirred = (self.hasty + 1, self.stirred or stirred) if hasty else (0, False)
        self.calm = self.calm if hasty else CALM


async def news(
    work: Work, ear: Ear, session: Session, records: Sequence[FolderRecord], seconds: float
) -> list[FolderRecord]:
    """Wait for ``seconds`` at most until folders have mail: which. None of them: it is time to poll.

    A server whose IDLE ends at once, or which always has something to say, is polled for a while.
    """
    now = work.clock.monotonic()
    if records and session.has("IDLE") and now >= ear.idles.after and ear.hasty < MOST_HASTY:
        with contextlib.suppress(*_REFUSED):
            return await _listen(work, ear, session, records, seconds)
    await work.clock.sleep(work.account.settings.poll_interval)
    ear.hasty = 0
    with contextlib.suppress(*_REFUSED):
        await session.noop()
    return []


async def calm(work: Work, ear: Ear) -> None:
    """Let changes other than mail come together where they come fast, such as deletions one by one.

    Each pause is twice as long as the last; where that does not help, the server is polled for a while.
    """
    if ear.hasty >= MOST_HASTY and ear.stirred and ear.calm < work.account.settings.poll_interval:
        await work.clock.sleep(ear.calm)
        ear.hasty, ear.stirred, ear.calm = 0, False, 2 * ear.calm


async def _listen(
    work: Work, ear: Ear, session: Session, records: Sequence[FolderRecord], seconds: float
) -> list[FolderRecord]:
    """As ``news``. Raises as ``Session.examine``."""
    known = await present(work, records) or records
    first = watched(known)
    await _ask(work, ear, session, known, first)
    told = _told(session, known)
    if told is not None:
        return told
    if await _changed(ear, session, first) or await _idle(work, ear, session, seconds):
        return [first]
    return _told(session, known) or []


async def present(work: Work, records: Sequence[FolderRecord]) -> list[FolderRecord]:
    """What is known of these folders now; one that is gone is left to the folder that took its name, if any."""
    known = await asyncio.to_thread(work.ledger.folders, work.account.slug)
    by_id, by_wire = {record.id: record for record in known}, {record.wire: record for record in known}
    found = [by_id.get(record.id) or by_wire.get(record.wire) for record in records]
    return [record for record in found if record is not None]


def watched(records: Sequence[FolderRecord]) -> FolderRecord:
    """The folder that stays open: INBOX, else the one with all mail, else the first."""
    special = {record.special_use: record for record in reversed(records)}
    inbox = [record for record in records if address(record.wire) == INBOX]
    return inbox[0] if inbox else special.get("\\All", records[0])


async def _changed(ear: Ear, session: Session, record: FolderRecord) -> bool:
    """Whether the folder has other counters than before when it is opened.

    UIDNEXT tells of mail that came while as much other mail went, HIGHESTMODSEQ of flags that changed while another
    folder was open.
    """
    opened = await session.examine(record.wire)
    count = (record.id, record.server_count, record.uidnext_done, record.modseq_done)
    modseq = opened.highestmodseq or record.modseq_done
    seen, known = (record.id, opened.exists, opened.uidnext, modseq), (count, ear.heard)
    ear.heard = None if seen == count else seen
    return seen not in known


async def _idle(work: Work, ear: Ear, session: Session, seconds: float) -> bool:
    """Whether the open folder said something. A server that refuses IDLE, or ends connections at it, is polled."""
    try:
        events = await session.idle(min(seconds, work.account.settings.idle_refresh))
    except _REFUSED:
        ear.idles.forfeit(work.clock.monotonic())
        return False
    except (NetworkError, ProtocolViolation):
        ear.idles.cut(work.clock.monotonic())
        raise
    ear.idles.lost = 0
    return events.mailbox_changed


async def _ask(work: Work, ear: Ear, session: Session, records: Sequence[FolderRecord], first: FolderRecord) -> None:
    """Ask once on a connection for news of the other folders, where that is offered.

    With the watched folder open, whose counters are compared afterwards: the answer has no STATUS of an open folder.
    """
    if session.news is not None or not session.has("NOTIFY") or work.clock.monotonic() < ear.notifies.after:
        return
    await session.examine(first.wire)
    try:
        await session.notify(_heeded(records))
    except _REFUSED as error:
        _forgo(work, ear, str(error))
    except (NetworkError, ProtocolViolation):
        ear.notifies.cut(work.clock.monotonic())
        raise
    ear.notifies.lost = 0


def _forgo(work: Work, ear: Ear, why: str) -> None:
    ear.notifies.forfeit(work.clock.monotonic())
    text = "account %s: the server does not tell of mail in folders that are not open (%s); they are polled every %g s"
    log.warning(text, work.account.slug, why, work.account.settings.poll_interval)


def _told(session: Session, records: Sequence[FolderRecord]) -> list[FolderRecord] | None:
    """Folders that were told of with mail that is not known yet, None for none.

    An empty list where all are to be polled: a folder is new, or nothing is told any more.
    """
    news = session.news
    if news is None:
        return None
    news.heed(_heeded(records))
    if news.unlisted or news.ended:
        return []
    names = news.take()
    return [record for record in records if record.name in names] or None


def _heeded(records: Sequence[FolderRecord]) -> dict[str, Known]:
    return {each.name: Known(each.uidvalidity, each.uidnext_done, each.server_count) for each in records}


def deaf(work: Work, ear: Ear, session: Session) -> bool:
    """Whether the server tells nothing any more, not of the open folder either: another connection is due."""
    if session.news is None or not session.news.ended:
        return False
    _forgo(work, ear, "it has too much to tell")
    return True
