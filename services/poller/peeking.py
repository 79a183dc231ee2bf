r"""Does a look leave mail unread? Some servers set \Seen although only BODY.PEEK was asked for.

Looked at on the first import of a folder: up to three messages that were unread before they were fetched. One that
became read may have been read by its owner; all of them are the server's doing. It is told, never "repaired" by us.
"""

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.session import Session

SEEN = "\\seen"
MOST = 3
TOLD = "the server marks messages as read although they are only looked at (BODY.PEEK); tell its operator"


def unread(uids: UidSet, flags: dict[str, UidSet]) -> UidSet:
    """Up to three of the UIDs that are not marked as read."""
    for flag, having in flags.items():
        if flag.lower() == SEEN:
            uids = uids - having
    return uids.newest(MOST)


async def became_read(session: Session, looked_at: UidSet) -> bool:
    """Whether every one of these messages is marked as read now."""
    try:
        flags = [listing.flags or () async for listing in session.fetch_listing(looked_at, ("FLAGS",))]
    except (Refused, CommandRejected):
        return False
    return bool(flags) and all(SEEN in {flag.lower() for flag in each} for each in flags)
