"""The raw bytes and the parsed object of a stored message."""

import hashlib
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from services.common import lookup
from services.common.email import Email
from services.common.errors import Incomplete
from services.common.place import Place
from services.front.context import Context


def raw_of(context: Context, row: Any) -> bytes:
    """The exact message. Raises ``Incomplete`` when its object is not there, or has other bytes."""
    key = lookup.message_object(context.engine, row.account, row.content_sha256)
    raw = read_whole(context, key, row.content_sha256)
    if raw is None:
        raise Incomplete(f"message {row.id}: its raw object is gone or damaged; run mailweir repair --verify")
    return raw


def read_whole(context: Context, key: str | None, sha256: str) -> bytes | None:
    """The bytes of a raw message; None when they are not there, or are others."""
    try:
        raw = context.store.read(key or "")
    except (KeyError, ValueError):
        return None
    return raw if hashlib.sha256(raw).hexdigest() == sha256 else None


def email_of(context: Context, row: Any) -> Email:
    """The ``mail.parsed`` object by the present parser. Raises ``Incomplete`` when the raw object is not there."""
    return placed(context, row, raw_of(context, row))


def placed(context: Context, row: Any, raw: bytes) -> Email:
    """The parsed object of a raw message, with the first place that the message has."""
    from services.parser.mime import parse_message

    email, known = parse_message(raw).email, first_place(context, row.account, row.content_sha256)
    if known is None:
        return email
    place, internaldate = known
    return replace(email, received_at=internaldate, mailweir=replace(email.mailweir, place=place))


def first_place(context: Context, account: str, sha256: str) -> tuple[Place, datetime | None] | None:
    """Where a message is (one of its places) with its INTERNALDATE; None when it is nowhere any more."""
    known = lookup.places_of(context.engine, account, sha256)
    if not known:
        return None
    found = known[0]
    place = Place(
        account=found.account_id,
        folder=found.folder,
        folderid=found.folder_id,
        uidvalidity=found.uidvalidity,
        uid=found.uid,
    )
    return place, found.internaldate
