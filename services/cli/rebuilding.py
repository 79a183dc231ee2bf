"""Stored messages as ``mail.fetched`` events once more: what repair and reparse publish."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.cli.stored import first_place
from services.common.events import DataRef, MessageFetched
from services.common.objects import ObjectStore, uri_of
from services.common.place import Place

if TYPE_CHECKING:
    from services.front.context import Context

INLINE = 900 * 1024
_BATCH = 100


def fetched_again(
    store: ObjectStore, key: str, sha256: str, place: Place, internaldate: datetime | None
) -> MessageFetched:
    """The event of a raw message that is in the store: its bytes, or a claim check. Raises ``KeyError`` without it."""
    found = store.stat(key)
    if found is None:
        raise KeyError(key)
    body = store.read(key) if found.size <= INLINE else DataRef(uri_of(store.bucket, key))
    return MessageFetched(place=place, contentsha256=sha256, internaldate=internaldate, size=found.size, body=body)


def place_of(subject: str, folder: str) -> Place | None:
    """The place in the metadata of an object, None when it says none."""
    parts = subject.split("/")
    if len(parts) != 4 or not (parts[2].isdigit() and parts[3].isdigit()):
        return None
    account, folderid, uidvalidity, uid = parts
    return Place(account=account, folder=folder, folderid=folderid, uidvalidity=int(uidvalidity), uid=int(uid))


def from_object(store: ObjectStore, key: str) -> MessageFetched | None:
    """The event of a raw message by what its object says of itself; None when it names no place."""
    found = store.stat(key)
    if found is None:
        return None
    place = place_of(found.metadata.get("place", ""), found.metadata.get("folder", ""))
    sha256 = key.rpartition("/")[2].removesuffix(".eml")
    when = found.metadata.get("internaldate")
    return fetched_again(store, key, sha256, place, datetime.fromisoformat(when) if when else None) if place else None


def from_row(context: "Context", row: Any) -> MessageFetched | None:
    """The event of a stored message by its row (``lookup.exported``); None when its raw object or place is gone."""
    known = first_place(context, row)
    if known is None or row.key is None:
        return None
    place, internaldate = known
    try:
        return fetched_again(context.store, row.key, row.content_sha256, place, internaldate)
    except KeyError:
        return None


async def publish_all(context: "Context", events: Iterator[MessageFetched]) -> int:
    """Publish in batches, through the embedded services or to Kafka; how many."""
    from services.front.publishing import publishing

    published = 0
    async with publishing(context) as publisher:
        batch: list[MessageFetched] = []
        for event in events:
            batch.append(event)
            if len(batch) == _BATCH:
                await publisher.publish(batch)
                published += len(batch)
                batch = []
        await publisher.publish(batch)
        return published + len(batch)
