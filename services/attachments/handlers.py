"""One batch of the attachments service: files in, objects in the store (requirement S7). Written once by content."""

import asyncio
import hashlib
from collections.abc import Sequence

from services.attachments.detect import HEAD_OCTETS, detect
from services.attachments.streaming import HashMismatch, file_by_reference, raw_key
from services.common.events import AttachmentExtracted, DataRef, Event, MessageFetched, ObjectFiled
from services.common.heading import heading, where
from services.common.message_day import HEAD_OCTETS as DAY_OCTETS
from services.common.message_day import message_day
from services.common.objects import NewObject, ObjectStore, attachment_key, message_key
from services.common.service import Outcome, Rejected, side_by_side, wrong_hash

MESSAGE_TYPE = "message/rfc822"
_STREAMED_AT_ONCE = 3  # each waits for the store's disk most of its time


async def file_messages(batch: Sequence[Event], *, store: ObjectStore) -> Sequence[Outcome]:
    """Store raw messages; large ones are there already and are only verified to be."""
    return await asyncio.to_thread(_file_messages, batch, store)


async def file_attachments(batch: Sequence[Event], *, store: ObjectStore) -> Sequence[Outcome]:
    """Store attachments; large ones are streamed out of their raw message, a few at once, beside the small ones."""
    at_once = asyncio.Semaphore(_STREAMED_AT_ONCE)
    small: list[AttachmentExtracted] = []
    large: list[AttachmentExtracted] = []
    for event in batch:
        assert isinstance(event, AttachmentExtracted)
        (large if isinstance(event.body, DataRef) else small).append(event)

    async def streamed(event: AttachmentExtracted) -> list[Outcome]:
        async with at_once:
            return [await asyncio.to_thread(_attachment_by_reference, event, store)]

    return await side_by_side([asyncio.to_thread(_file_attachments, small, store), *map(streamed, large)])


def _file_messages(batch: Sequence[Event], store: ObjectStore) -> list[Outcome]:
    outcomes: list[Outcome] = []
    news: dict[str, NewObject] = {}
    for event in batch:
        assert isinstance(event, MessageFetched)
        if isinstance(event.body, DataRef):
            outcomes.append(_raw_by_reference(event, event.body, store))
        elif not (event.hashed or _has_hash(event.body, event.contentsha256)):
            outcomes.append(wrong_hash(event))
        else:
            outcomes.append(_raw_inline(event, event.body, store, news))
    store.put_many(list(news.values()))
    return outcomes


def _raw_inline(event: MessageFetched, body: bytes, store: ObjectStore, news: dict[str, NewObject]) -> Outcome:
    try:
        key = message_key(event.place.account, message_day(body[:DAY_OCTETS]), event.contentsha256)
    except ValueError as error:
        return _no_key(event, error)
    news[key] = NewObject(key, body, MESSAGE_TYPE, {**where(event.place, event.internaldate), **heading(body)})
    return _filed_message(event, store, key, len(body))


def _raw_by_reference(event: MessageFetched, reference: DataRef, store: ObjectStore) -> Outcome:
    try:
        key = raw_key(event, reference, store)
    except KeyError:
        return _no_object(event)
    found = store.stat(key)
    return _filed_message(event, store, key, found.size) if found and found.size == event.size else _no_object(event)


def _no_object(event: MessageFetched | AttachmentExtracted) -> Rejected:
    return Rejected(event, "refused.object", "the claim check leads to no raw message of this place, hash and size")


def _no_key(event: MessageFetched | AttachmentExtracted, error: ValueError) -> Rejected:
    return Rejected(event, "refused.name", str(error))


def _filed_message(event: MessageFetched, store: ObjectStore, key: str, size: int) -> ObjectFiled:
    return ObjectFiled(
        place=event.place,
        contentsha256=event.contentsha256,
        internaldate=event.internaldate,
        size=event.size,
        kind="message",
        sha256=event.contentsha256,
        bucket=store.bucket,
        key=key,
        objectsize=size,
        contenttype=MESSAGE_TYPE,
        detectedtype=MESSAGE_TYPE,
    )


def _file_attachments(events: Sequence[AttachmentExtracted], store: ObjectStore) -> list[Outcome]:
    outcomes: list[Outcome] = []
    news: dict[str, NewObject] = {}
    for event in events:
        assert isinstance(event.body, bytes)
        if not (event.hashed or _has_hash(event.body, event.partsha256)):
            outcomes.append(wrong_hash(event))
        else:
            outcomes.append(_attachment_inline(event, event.body, store, news))
    store.put_many(list(news.values()))
    return outcomes


def _attachment_inline(
    event: AttachmentExtracted, body: bytes, store: ObjectStore, news: dict[str, NewObject]
) -> Outcome:
    try:
        key = _key(event)
    except ValueError as error:
        return _no_key(event, error)
    news[key] = NewObject(key, body, event.contenttype, _metadata(event))
    return _filed_attachment(event, store, key, body[:HEAD_OCTETS], len(body))


def _attachment_by_reference(event: AttachmentExtracted, store: ObjectStore) -> Outcome:
    try:
        key = _key(event)
        head, size = file_by_reference(event, store, key, _metadata(event))
    except HashMismatch:
        return wrong_hash(event)
    except ValueError as error:
        return _no_key(event, error)
    except KeyError:
        return _no_object(event)
    return _filed_attachment(event, store, key, head, size)


def _filed_attachment(event: AttachmentExtracted, store: ObjectStore, key: str, head: bytes, size: int) -> ObjectFiled:
    return ObjectFiled(
        place=event.place,
        contentsha256=event.contentsha256,
        internaldate=event.internaldate,
        size=event.size,
        kind="attachment",
        sha256=event.partsha256,
        bucket=store.bucket,
        key=key,
        objectsize=size,
        contenttype=event.contenttype,
        detectedtype=detect(head),
        partid=event.partid,
        filename=event.filename,
    )


def _key(event: AttachmentExtracted) -> str:
    return attachment_key(event.place.account, event.partsha256, event.safename)


def _metadata(event: AttachmentExtracted) -> dict[str, str]:
    named = {"filename": event.filename} if event.filename else {}
    return {**where(event.place, event.internaldate), "part": event.partid, **named}


def _has_hash(data: bytes, sha256: str) -> bool:
    return hashlib.sha256(data).hexdigest() == sha256
