"""One batch of the poller: fetched messages as events, delivered, and only then counted as published."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.common.errors import ContractViolated
from services.common.events import DataRef, MessageFetched
from services.common.message.day import HEAD_OCTETS
from services.common.message.heading import RAW_TYPE, raw_object
from services.common.objects import ObjectStore, uri_of
from services.common.place import Place
from services.poller.domain.dates import parse_internaldate
from services.poller.domain.samples import mark, mark_by_head, outermost
from services.poller.domain.state import FolderRecord
from services.poller.domain.uidset import UidSet
from services.poller.fetching.checkpoint import Checkpoint
from services.poller.fetching.suspecting import suspect
from services.poller.imap.model import Fetched, Spooled
from services.poller.imap.spooling import taken
from services.poller.work import Work

Ready = tuple[MessageFetched, str]
"""An event and what is remembered of a spooled message, "" of one whose bytes are in the event."""


async def deliver(work: Work, record: FolderRecord, checkpoint: Checkpoint, group: Sequence[Fetched]) -> None:
    """Publish the messages of a group and note them for the ledger when every delivery is confirmed.

    Raises ``Unavailable`` when a way out is down, and LeaseLost when the account is another's meanwhile, or being
    erased (this process, or its machine, slept): then none of them counts as published.
    """
    ready = await asyncio.to_thread(_while_ours, work, record, group)
    spooled = {event.place.uid: known for event, known in ready if known}
    events = await _published(work, record, [event for event, _ in ready])
    await checkpoint.add(_marks(events, spooled), sum(event.size for event in events))
    work.memory.published += len(events)
    work.memory.share({event.emailid: (_mark(event, spooled), event.size) for event in events if event.emailid})
    work.memory.steps = 0
    work.notice(None)


async def _published(work: Work, record: FolderRecord, events: Sequence[MessageFetched]) -> list[MessageFetched]:
    """Publish these; those that went out. One that no record holds costs itself only: it is quarantined."""
    uids = UidSet.of(event.place.uid for event in events)
    octets = sum(event.size for event in events)
    try:
        await work.publisher.publish([*events, work.audit("fetch", record=record, uids=uids.text(), octets=octets)])
    except ContractViolated as violation:
        if len(events) == 1:
            await suspect(work, record, uids.lowest, "contract", str(violation), final=True)
            return []
        half = len(events) // 2
        first = await _published(work, record, events[:half])
        return first + await _published(work, record, events[half:])
    return list(events)


def _marks(events: Sequence[MessageFetched], spooled: Mapping[int, str]) -> dict[int, str]:
    """By UID; the header is hashed only where the mark may become a sample of the folder."""
    contents = {event.place.uid: event.contentsha256 for event in events}
    kept = set(outermost(contents))
    return contents | {event.place.uid: _mark(event, spooled) for event in events if event.place.uid in kept}


def _mark(event: MessageFetched, spooled: Mapping[int, str]) -> str:
    """What is remembered of a message; the header of a spooled one is not at hand any more."""
    return mark(event.body, event.contentsha256) if isinstance(event.body, bytes) else spooled[event.place.uid]


def _while_ours(work: Work, record: FolderRecord, group: Sequence[Fetched]) -> list[Ready]:
    work.ledger.check()
    events = _events(record, group, work.store)
    if any(isinstance(fetched.body, Spooled) for fetched in group):
        work.ledger.check()  # their upload may have taken long
    return events


def _events(record: FolderRecord, group: Sequence[Fetched], store: ObjectStore) -> list[Ready]:
    return [_event(record, fetched, store) for fetched in group]


def _event(record: FolderRecord, fetched: Fetched, store: ObjectStore) -> Ready:
    listing = fetched.listing
    place, internaldate = place_of(record, fetched.uid), parse_internaldate(listing.internaldate)
    body, sha256, known = _body(fetched.body, place, internaldate, store)
    event = MessageFetched(
        place=place,
        contentsha256=sha256,
        internaldate=internaldate,
        size=fetched.length,
        body=body,
        hashed=isinstance(body, bytes),
        flags=tuple(flag for flag in listing.flags or () if flag.lower() != "\\recent"),
        emailid=listing.content_id,
        labels=listing.labels or (),
    )
    return event, known


def place_of(record: FolderRecord, uid: int) -> Place:
    """The place of a UID in the folder's present epoch."""
    uidvalidity = record.uidvalidity or 0
    return Place(account=record.account, folder=record.name, folderid=record.id, uidvalidity=uidvalidity, uid=uid)


def _body(
    body: bytes | Spooled | None, place: Place, internaldate: datetime | None, store: ObjectStore
) -> tuple[bytes | DataRef, str, str]:
    """The bytes themselves, or for a spooled message a claim check of the object that they became, and its mark."""
    if not isinstance(body, Spooled):
        raw = body or b""
        return raw, hashlib.sha256(raw).hexdigest(), ""
    with taken(body) as file:
        head = file.read(HEAD_OCTETS)
        key, metadata = raw_object(place, internaldate, body.sha256, head)
        file.seek(0)
        store.put_file(key, file, body.size, RAW_TYPE, metadata)
    return DataRef(uri_of(store.bucket, key)), body.sha256, mark_by_head(head, body.sha256)
