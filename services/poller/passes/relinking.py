"""After a UIDVALIDITY change: known mail is linked to its new place instead of being downloaded again.

A message counts as known only when its Message-ID, INTERNALDATE and size fit exactly one stored content of the folder's
earlier epochs; one in a hundred is downloaded all the same, and a single difference ends the linking.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from services.common.events import PlaceRelinked
from services.poller.domain.dates import parse_internaldate
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import EMPTY, UidSet
from services.poller.fetching.checkpoint import Checkpoint
from services.poller.folders.recognising import content_of
from services.poller.handlers import place_of
from services.poller.imap.errors import CommandRejected, Refused
from services.poller.imap.model import Header
from services.poller.imap.session import Session
from services.poller.work import Work

CHUNK = 500
ONE_IN = 100
_ID = re.compile(rb"^message-id:\s*<([^<>\s\0]+)>", re.IGNORECASE | re.MULTILINE)


class Link(Struct, frozen=True):
    """A UID and the content that it has. ``mark``: what is remembered of it (see ``samples``)."""

    uid: int
    sha256: str
    size: int
    internaldate: datetime | None
    flags: tuple[str, ...]
    mark: str


async def relink(work: Work, session: Session, record: FolderRecord, wanted: UidSet, checkpoint: Checkpoint) -> UidSet:
    """Publish the new places of known mail; the UIDs that need no download."""
    if work.contents is None or record.epoch == 1 or record.full_pass_at is not None or work.memory.run.thrifty:
        return EMPTY
    try:
        links = [link for chunk in wanted.chunks(CHUNK) for link in await _links(work, session, record, chunk)]
        if not links or not await _hold(work, session, links):
            return EMPTY
        await publish(work, record, links, checkpoint)
    except (Refused, CommandRejected):
        return EMPTY
    work.memory.relinked[record.id] += len(links)
    return UidSet.of(link.uid for link in links)


async def publish(work: Work, record: FolderRecord, links: Sequence[Link], checkpoint: Checkpoint) -> None:
    """Say where known contents have places, too. Raises Refused as ``Work.say``."""
    for start in range(0, len(links), CHUNK):
        part = links[start : start + CHUNK]
        await work.say(*[_event(record, link) for link in part])
        await checkpoint.add({link.uid: link.mark for link in part}, 0)
    work.memory.published += len(links)


async def _links(work: Work, session: Session, record: FolderRecord, chunk: UidSet) -> list[Link]:
    headers = {}
    async for header in session.fetch_headers(chunk, ("MESSAGE-ID",)):
        found = _ID.search(header.header)
        if found:
            headers[header.listing.uid] = (found[1].decode("utf-8", "replace"), header)
    assert work.contents is not None
    ids = sorted({message_id for message_id, _ in headers.values()})
    known = await asyncio.to_thread(work.contents.known, record.account, record.id, ids)
    links = [_link(message_id, header, known) for message_id, header in headers.values()]
    return [link for link in links if link is not None]


def _link(message_id: str, header: Header, known: Mapping[tuple[str, datetime, int], str]) -> Link | None:
    listing = header.listing
    moment = parse_internaldate(listing.internaldate)
    if moment is None or listing.size is None:
        return None
    sha256 = known.get((message_id, moment, listing.size))
    return None if sha256 is None else Link(listing.uid, sha256, listing.size, moment, listing.flags or (), sha256)


async def _hold(work: Work, session: Session, links: list[Link]) -> bool:
    """Whether downloaded ones of them have the content that they are said to have."""
    picked = links[int(work.chance() * min(ONE_IN, len(links))) :: ONE_IN]
    expected = {link.uid: link.sha256 for link in picked}
    same = 0
    async for fetched in session.fetch_bodies(UidSet.of(expected)):
        same += content_of(fetched) == expected[fetched.uid]
    return same == len(expected)


def _event(record: FolderRecord, link: Link) -> PlaceRelinked:
    return PlaceRelinked(
        place=place_of(record, link.uid),
        contentsha256=link.sha256,
        internaldate=link.internaldate,
        size=link.size,
        flags=tuple(flag for flag in link.flags if flag.lower() != "\\recent"),
    )
