"""Why a record does not keep the contract, in words that never repeat what it holds."""

from datetime import UTC, datetime
from json import JSONDecoder
from typing import Any

import msgspec

from services.common.errors import Malformed
from services.common.events import ObjectFiled
from services.common.objects import is_plain

LARGEST = 2**53 - 1  # what every reader of JSON keeps (RFC 8259 section 6)
_SAID: tuple[tuple[type[Exception], str], ...] = (
    (UnicodeDecodeError, "text is not UTF-8"),
    (RecursionError, "the value is nested too deeply"),
    (OverflowError, "a moment is outside of the years 1 to 9999"),
    (ValueError, "an attribute or a number has another form"),
)


def shape(error: Exception) -> str:
    """Where and what kind, never the value: a record holds mail."""
    if isinstance(error, msgspec.DecodeError | Malformed):
        return str(error)[:200]
    if isinstance(error, KeyError):
        return f"missing attribute {error.args[0]}"
    return next((said for kind, said in _SAID if isinstance(error, kind)), type(error).__name__)


def check_told_once(value: bytes, again: bytes) -> None:
    """Raise for a JSON value that names a property twice: each reader would take another one (RFC 8259 section 4).

    ``again`` is the value as we write it. Ours are that to the octet, so they are done by one comparison; those of
    others are looked through, which takes twice as long as decoding them.
    """
    if value != again:
        _LOOKING.decode(value.decode())


def _once(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise Malformed("a property is there twice: readers would take different ones")


_LOOKING = JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len, strict=False)


def check_values(event: Any) -> None:
    """Raise for what is not the same for all: a moment outside of the years 1 to 9999 in UTC, a number above 53 bits.

    A ``sequence`` that large would also leave its folder without any later event.
    """
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, datetime):
            in_utc(name, value)
        elif isinstance(value, int) and value > LARGEST:
            raise Malformed(f"{name} is larger than a JSON number is for every reader")


def check_filed(event: ObjectFiled) -> None:
    """Raise for an object that is not where its account and hash say: a reader would be led to mail of others."""
    below = f"{event.place.account}/{event.kind}s/"
    if event.kind == "message":
        owned = event.sha256 == event.contentsha256 and event.key.endswith(f"/{event.sha256}.eml")
    else:
        below += f"{event.sha256}/"
        owned = True
    if not (owned and event.key.startswith(below) and is_plain(event.key)):
        raise Malformed("the key is not one of this account, kind and hash")


def in_utc(name: str, moment: datetime) -> datetime:
    """The moment in UTC. Raises Malformed without an offset, as each reader would take its own zone; OverflowError."""
    if moment.tzinfo is None:
        raise Malformed(f"{name} is a moment without an offset from UTC")
    return moment.astimezone(UTC)
