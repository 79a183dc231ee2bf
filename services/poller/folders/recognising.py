"""Is the open folder the one that we know? Names, UIDVALIDITY and UIDNEXT can all stay while the mail is another."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress

from services.poller.domain.samples import content_hash, mark, same_content, same_header
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


async def recognise(session: Session, samples: Mapping[str, str], learned: dict[str, str] | None = None) -> bool | None:
    """As ``compare``; None, too, when the server refuses to show the mail."""
    with suppress(Refused, CommandRejected):
        return await compare(session, samples, learned)
    return None


async def compare(session: Session, samples: Mapping[str, str], learned: dict[str, str] | None = None) -> bool | None:
    """Whether known UIDs still have the known content; None when none of them is there.

    Headers first, in one command; one that differs is doubted until the whole message differs, too, and where headers
    are refused whole messages tell. ``learned`` takes marks with the headers that the server shows of messages which
    only their bodies told. Raises Refused, also for messages that do not come, and CommandRejected.
    """
    if not samples:
        return None
    known = {int(uid): text for uid, text in samples.items()}
    try:
        headers = [header async for header in session.fetch_headers(UidSet.of(known), bare=True)]
    except (Refused, CommandRejected):
        return _all(await _same_bodies(session, {uid: known[uid] for uid in sorted(known)[-MOST_BODIES:]}))
    shown = {each.listing.uid: each.header for each in headers}
    differing = [uid for uid, header in shown.items() if not same_header(known[uid], header)]
    if not differing:
        return True if headers else None
    same = await _same_bodies(session, {uid: known[uid] for uid in sorted(differing)[-2 * MOST_BODIES :]})
    if not same and len(differing) == len(shown):
        raise Refused("the server shows headers of known mail and does not send it", usable=True)
    if learned is not None:
        learned |= {str(uid): mark(shown[uid], content_hash(known[uid])) for uid in same if same[uid]}
    return _all(same) is not False


def _all(same: Mapping[int, bool]) -> bool | None:
    return all(same.values()) if same else None


async def _same_bodies(session: Session, known: Mapping[int, str]) -> dict[int, bool]:
    """By UID, of those that came. One that is empty says nothing: a server in trouble may send that (RFC 2180)."""
    bodies = session.fetch_bodies(UidSet.of(known))
    return {each.uid: same_content(known[each.uid], content_of(each)) async for each in bodies if each.body}


def content_of(fetched: Fetched) -> str:
    """SHA-256 of a body that was fetched only to be compared; its spool file is removed."""
    if not isinstance(fetched.body, Spooled):
        return hashlib.sha256(fetched.body or b"").hexdigest()
    fetched.body.path.unlink(missing_ok=True)
    return fetched.body.sha256
