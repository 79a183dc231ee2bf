"""Stored messages as ``mail.fetched`` events once more: what repair and reparse publish."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from msgspec.structs import replace
from sqlalchemy import text

from services.cli.stored import first_place
from services.common.database import transaction
from services.common.events import INLINE, DataRef, MessageFetched
from services.common.objects import ObjectStore, has_hash, uri_of
from services.common.place import Place
from services.front.context import Context
from services.front.resending import resending

_BATCH = 100
_NUMBER = re.compile(r"[0-9]{1,10}")
_MESSAGE = re.compile(r"([^/]+)/messages/(?:\d{4}/\d\d/\d\d|undated)/([0-9a-f]{64})\.eml")


class Damaged(ValueError):
    """An object whose bytes are not those that its name tells."""


def fetched_again(
    store: ObjectStore, key: str, sha256: str, place: Place, internaldate: datetime | None
) -> MessageFetched:
    """The event of a raw message that is in the store: its bytes, or a claim check.

    Raises ``KeyError`` without it, and ``Damaged``.
    """
    found = store.stat(key)
    if found is None:
        raise KeyError(key)
    body = _body(store, key, sha256, found.size)
    return MessageFetched(
        place=place, contentsha256=sha256, internaldate=internaldate, size=found.size, body=body, hashed=True
    )


def _body(store: ObjectStore, key: str, sha256: str, size: int) -> bytes | DataRef:
    if size > INLINE:
        whole, body = has_hash(store, key, sha256), DataRef(uri_of(store.bucket, key))
        if not whole:
            raise Damaged(key)
        return body
    raw = store.read(key)
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise Damaged(key)
    return raw


def identity(key: str) -> tuple[str, str]:
    """Account and content hash of a raw message by its key; two empty texts for any other key."""
    found = _MESSAGE.fullmatch(key)
    return (found[1], found[2]) if found else ("", "")


def place_of(subject: str, folder: str) -> Place | None:
    """The place in the metadata of an object, None when it says none."""
    parts = subject.split("/")
    if len(parts) != 4 or "\0" in subject or not all(_NUMBER.fullmatch(part) for part in parts[2:]):
        return None
    account, folderid, uidvalidity, uid = parts
    return Place(account=account, folder=folder, folderid=folderid, uidvalidity=int(uidvalidity), uid=int(uid))


def folder_names(context: Context) -> dict[str, str]:
    """By id, as they are called now: an object has the name of its day, and a long one is cut there."""
    with transaction(context.engine) as connection:
        return {row.id: row.name for row in connection.execute(text("SELECT id, name FROM folders"))}


def from_object(context: Context, key: str, names: Mapping[str, str]) -> MessageFetched | None:
    """The event of a raw message by what its object says of itself, else by its row; None when no place is known.

    Its folder is called as ``names`` has it. Raises ``KeyError`` when it went away, and ``Damaged``.
    """
    found = context.store.stat(key)
    if found is None:
        raise KeyError(key)
    account, sha256 = identity(key)
    place = place_of(found.metadata.get("place", ""), found.metadata.get("folder", ""))
    when = _moment(found.metadata.get("internaldate"))
    if place is None or place.account != account:
        place, when = first_place(context, account, sha256) or (None, None)
    place = place and replace(place, folder=names.get(place.folderid, place.folder))
    return fetched_again(context.store, key, sha256, place, when) if place else None


def _moment(said: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(said) if said else None
    except ValueError:
        return None


def from_row(context: Context, row: Any) -> MessageFetched | None:
    """The event of a stored message by its row (``lookup.exported``); None without its whole raw object or a place."""
    known = first_place(context, row.account, row.content_sha256)
    if known is None or row.key is None:
        return None
    place, internaldate = known
    try:
        return fetched_again(context.store, row.key, row.content_sha256, place, internaldate)
    except (KeyError, Damaged):
        return None


async def publish_all(
    context: Context,
    events: Iterator[MessageFetched],
    note: Callable[[Sequence[MessageFetched]], None] | None = None,
    of: str | None = None,
) -> int:
    """Publish in batches, through the embedded services or to Kafka; how many. ``note`` is told each batch after it.

    Raises Incomplete when account ``of`` (or any) is being erased; none is meanwhile.
    """
    from services.front.publishing import publishing

    owners = [of] if of else [account.slug for account in context.accounts.list()]
    published = 0
    with resending(context.engine, owners):
        async with publishing(context) as publisher:
            while batch := list(islice(events, _BATCH)):
                await publisher.publish(batch)
                if note:
                    note(batch)
                published += len(batch)
    return published
