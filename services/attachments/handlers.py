"""One batch of the attachments service: files in, objects in the store. Written once by content."""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial

from services.attachments.detect import HEAD_OCTETS, detect
from services.attachments.streaming import file_by_reference
from services.common.claims import raw_info
from services.common.events import AttachmentExtracted, DataRef, Event, MessageFetched, ObjectFiled
from services.common.message.heading import RAW_TYPE, raw_object, where
from services.common.objects import NewObject, ObjectStore, attachment_key
from services.common.service import Outcome, judged, side_by_side, wrong_hash

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
            return [await asyncio.to_thread(judged, event, partial(_attachment_by_reference, event, store))]

    return await side_by_side([asyncio.to_thread(_file_attachments, small, store), *map(streamed, large)])


def _file_messages(batch: Sequence[Event], store: ObjectStore) -> list[Outcome]:
    news: dict[str, NewObject] = {}
    outcomes = [judged(event, partial(_message, event, store, news)) for event in batch]
    store.put_many(list(news.values()))
    return outcomes


def _message(event: Event, store: ObjectStore, news: dict[str, NewObject]) -> ObjectFiled:
    assert isinstance(event, MessageFetched)
    if isinstance(event.body, DataRef):
        return _raw_by_reference(event, event.body, store)
    _verify(event.body, event.contentsha256, event.hashed)
    key, metadata = raw_object(event.place, event.internaldate, event.contentsha256, event.body)
    news[key] = NewObject(key, event.body, RAW_TYPE, metadata)
    return _filed_message(event, store, key, len(event.body))


def _raw_by_reference(event: MessageFetched, reference: DataRef, store: ObjectStore) -> ObjectFiled:
    found = raw_info(event, reference, store)
    return _filed_message(event, store, found.key, found.size)


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
        contenttype=RAW_TYPE,
        detectedtype=RAW_TYPE,
    )


def _file_attachments(events: Sequence[AttachmentExtracted], store: ObjectStore) -> list[Outcome]:
    news: dict[str, NewObject] = {}
    outcomes = [judged(event, partial(_attachment_inline, event, store, news)) for event in events]
    store.put_many(list(news.values()))
    return outcomes


def _attachment_inline(event: AttachmentExtracted, store: ObjectStore, news: dict[str, NewObject]) -> ObjectFiled:
    assert isinstance(event.body, bytes)
    _verify(event.body, event.partsha256, event.hashed)
    key = _key(event)
    news[key] = NewObject(key, event.body, event.contenttype, _metadata(event))
    return _filed_attachment(event, store, key, event.body[:HEAD_OCTETS], len(event.body))


def _attachment_by_reference(event: AttachmentExtracted, store: ObjectStore) -> ObjectFiled:
    key = _key(event)
    head, size = file_by_reference(event, store, key, _metadata(event))
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


def _verify(data: bytes, sha256: str, hashed: bool) -> None:
    """Raise ContractViolated unless the bytes have this hash; ``hashed``: it was taken of them in this process."""
    if not hashed and hashlib.sha256(data).hexdigest() != sha256:
        raise wrong_hash()
