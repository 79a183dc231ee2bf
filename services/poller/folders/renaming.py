"""Is a folder under a new name one that we know? Most likely, when a folder of which we miss the name has its mail."""

from collections.abc import Sequence
from itertools import takewhile
from operator import eq

from services.poller.domain.samples import by_header
from services.poller.domain.state import FolderRecord
from services.poller.folders.recognising import recognise
from services.poller.imap.errors import CommandRejected, ImapError, Refused
from services.poller.imap.model import Folder, Opened
from services.poller.imap.session import Session
from services.poller.work import Work

MOST_ENDS = 2
MOST_COMPARED = 10


async def known_as(work: Work, session: Session, folder: Folder, absent: Sequence[FolderRecord]) -> FolderRecord | None:
    """The absent folder that has this name now, None for a new one; it is opened for this, once.

    One that ended connections when it was opened is taken as a new one. Raises ImapError when the connection ended.
    """
    fatal = work.memory.run.fatal
    if not absent or fatal[folder.wire] >= MOST_ENDS:
        return None
    try:
        opened = await session.examine(folder.wire)
        for candidate in _candidates(folder, opened, absent):
            if await _is_same(session, opened, candidate):
                return candidate
    except (Refused, CommandRejected):
        return None
    except ImapError as error:
        fatal[folder.wire] += not error.usable
        raise
    return None


def _candidates(folder: Folder, opened: Opened, absent: Sequence[FolderRecord]) -> list[FolderRecord]:
    """Those whose numbers fit, the likeliest first: where a parent was renamed, the names end alike.

    Some servers give one UIDVALIDITY to all folders; so only a few are compared.
    """
    fitting = [record for record in absent if _may_be(opened, record)]
    return sorted(fitting, key=lambda record: _alike(folder.wire, record.wire), reverse=True)[:MOST_COMPARED]


def _alike(new: bytes, old: bytes) -> int:
    return sum(takewhile(bool, map(eq, reversed(new), reversed(old))))


def _may_be(opened: Opened, record: FolderRecord) -> bool:
    """The same MAILBOXID (RFC 8474), or without one the same UIDVALIDITY."""
    if opened.mailboxid and record.mailboxid:
        return opened.mailboxid == record.mailboxid
    return opened.uidvalidity is not None and opened.uidvalidity == record.uidvalidity and bool(record.samples)


async def _is_same(session: Session, opened: Opened, candidate: FolderRecord) -> bool:
    """Whether it has the mail of which we have samples.

    A MAILBOXID is believed unless the mail differs: some servers give one to several folders.
    """
    known = by_header(candidate.samples)
    if opened.mailboxid and candidate.mailboxid:
        renumbered = opened.uidvalidity != candidate.uidvalidity
        return renumbered or await recognise(session, known) is not False
    return await recognise(session, known) is True
