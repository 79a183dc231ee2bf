"""Is the open folder the one that we know? Names, UIDVALIDITY and UIDNEXT can all stay while the mail is another."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress

from services.poller.domain.samples import same_content, same_header
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.model import Fetched, Spooled
from services.poller.imap.session import Session
from services.poller.work import Work

MOST_BODIES = 3


async def marks(work: Work, record: FolderRecord, uids: UidSet) -> dict[str, str]:
    """What is known of the newest few of these places, by UID: samples of the folder, else what is stored."""
    few = uids.newest(MOST_BODIES)
    known = {uid: text for uid, text in record.samples.items() if int(uid) in few}
    others = [uid for uid in few if str(uid) not in known]
    if work.contents is not None and others:
        stored = await asyncio.to_thread(work.contents.at, record.id, record.uidvalidity or 0, others)
        known |= {str(uid): sha256 for uid, sha256 in stored.items()}
    return known


async def recognise(session: Session, samples: Mapping[str, str]) -> bool | None:
    """As ``compare``; None, too, when the server refuses to show the mail."""
    with suppress(Refused, CommandRejected):
        return await compare(session, samples)
    return None


async def compare(session: Session, samples: Mapping[str, str]) -> bool | None:
    """Whether known UIDs still have the known content; None when none of them is there.

    Headers first, in one command; one that differs is doubted until the whole message differs, too, and where headers
    are refused whole messages tell. Raises Refused, also for messages that do not come, and CommandRejected.
    """
    if not samples:
        return None
    known = {int(uid): text for uid, text in samples.items()}
    try:
        headers = [header async for header in session.fetch_headers(UidSet.of(known), bare=True)]
    except (Refused, CommandRejected):
        return await _same_bodies(session, {uid: known[uid] for uid in sorted(known)[-MOST_BODIES:]})
    differing = [each.listing.uid for each in headers if not same_header(known[each.listing.uid], each.header)]
    if not differing:
        return True if headers else None
    same = await _same_bodies(session, {uid: known[uid] for uid in sorted(differing)[-2 * MOST_BODIES :]})
    if same is None and len(differing) == len(headers):
        raise Refused("the server shows headers of known mail and does not send it", usable=True)
    return same is not False


async def _same_bodies(session: Session, known: Mapping[int, str]) -> bool | None:
    """None when no body came. One that is empty says nothing: a server in trouble may send that (RFC 2180)."""
    same: bool | None = None
    async for fetched in session.fetch_bodies(UidSet.of(known)):
        if not fetched.body:
            continue
        same = same is not False and same_content(known[fetched.uid], content_of(fetched))
    return same


def content_of(fetched: Fetched) -> str:
    """SHA-256 of a body that was fetched only to be compared; its spool file is removed."""
    if not isinstance(fetched.body, Spooled):
        return hashlib.sha256(fetched.body or b"").hexdigest()
    fetched.body.path.unlink(missing_ok=True)
    return fetched.body.sha256
