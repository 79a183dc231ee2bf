"""A record of a message as it should be, and the same with attributes of a stranger's."""

from datetime import UTC, datetime

from msgspec import structs

from services.common import events as ev
from services.common.contract.records import Record, encode
from services.common.place import Place

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HERE = Place(account="work", folder="INBOX", folderid="f1", uidvalidity=1, uid=1)


def fetched_with(**attributes: str) -> Record:
    """A record of a good message, with attributes of a stranger's."""
    good = encode(ev.MessageFetched(place=HERE, contentsha256="0" * 64, internaldate=NOW, size=1, body=b"x"), "p", NOW)
    headers = dict(good.headers) | {f"ce_{name}": text.encode() for name, text in attributes.items()}
    return structs.replace(good, headers=tuple(headers.items()))
