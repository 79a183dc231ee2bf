"""Rows in the text form of COPY (PostgreSQL manual, COPY, text format). Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

Value = str | int | bool | bytes | datetime | Sequence[str] | dict[str, object] | msgspec.Struct | None
Row = tuple[Value, ...]
_ESCAPES = ((b"\x00", b""), (b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r"))
_JSON = msgspec.json.Encoder()
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class Json(msgspec.Struct, frozen=True):
    """A value for a jsonb column."""

    value: object


def octets_of(rows: Iterable[Row]) -> bytes:
    """All rows in UTF-8, one line each. NUL is dropped: no text column can hold it.

    Measured: octets are escaped and joined in three quarters of the time that text takes.
    Raises ``ValueError`` for text that is no Unicode (a lone surrogate).
    """
    return b"".join([b"\t".join([_FORMS[type(value)](value) for value in row]) + b"\n" for row in rows])


def _text(text: str) -> bytes:
    octets = text.encode()
    for sign, escape in _ESCAPES:
        octets = octets.replace(sign, escape)
    return octets


def json_of(json: Json) -> bytes:
    r"""JSON for jsonb, which knows no \u0000."""
    octets = _JSON.encode(json.value)
    return _NUL.sub(rb"\1", octets) if octets.find(b"\\u0000") >= 0 else octets


def _json(json: Json) -> bytes:
    """Its strings hold no other sign than the backslash that COPY would read as its own."""
    return json_of(json).replace(b"\\", b"\\\\")


def _array(values: Sequence[str]) -> bytes:
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return _text("{" + ",".join(quoted) + "}")


_FORMS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"\\N",
    str: _text,
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: b"%d" % value,
    datetime: lambda value: value.isoformat().encode(),
    bytes: lambda value: b"\\\\x" + value.hex().encode(),
    Json: _json,
    tuple: _array,
}
