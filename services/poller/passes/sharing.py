"""One message under several labels or folders is fetched once: EMAILID or X-GM-MSGID name its content (RFC 8474).

Only contents that this process published are shared: what an earlier one published may be lost and under repair. And
only when size and header agree: some servers give one id to several messages.
"""

from services.poller.domain.dates import parse_internaldate
from services.poller.domain.samples import content_hash, same_header
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import EMPTY, UidSet
from services.poller.fetching.checkpoint import Checkpoint
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.model import Header
from services.poller.imap.session import Session
from services.poller.passes.relinking import CHUNK, Link, publish
from services.poller.work import Work


async def share(work: Work, session: Session, record: FolderRecord, wanted: UidSet, checkpoint: Checkpoint) -> UidSet:
    """Publish the places of known contents; the UIDs that need no download."""
    named = session.has("OBJECTID") or session.has("X-GM-EXT-1")
    if not named or not work.memory.contents or work.memory.run.thrifty:
        return EMPTY
    links: list[Link] = []
    try:
        for chunk in wanted.chunks(CHUNK):
            async for header in session.fetch_headers(chunk):
                links += _links(work, header)
        await publish(work, record, links, checkpoint)
    except (Refused, CommandRejected):
        return EMPTY
    return UidSet.of(link.uid for link in links)


def _links(work: Work, header: Header) -> list[Link]:
    listing = header.listing
    mark, size = work.memory.contents.get(listing.content_id or "", ("", -1))
    agrees = listing.size == size and ("." not in mark or same_header(mark, header.header))  # one may have no header
    if listing.flags is None or not agrees:
        return []
    moment = parse_internaldate(listing.internaldate)
    return [Link(listing.uid, content_hash(mark), size, moment, listing.flags, mark)]
