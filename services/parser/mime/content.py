"""What the Content-* fields of a part say (RFC 2045, RFC 2183)."""

import re
from urllib.parse import unquote

from msgspec import Struct

from services.common import transfer
from services.common.email import Defect
from services.parser.mime import fields, params, words
from services.parser.mime.fields import Header
from services.parser.mime.limits import Limits

_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")
_SHORT = {"text": "text/plain", "plain": "text/plain", "text/": "text/plain", "html": "text/html"}


class Content(Struct, frozen=True):
    """The Content-* fields of one part, in the form that the Email object wants."""

    type: str
    declared_type: str | None
    params: params.Value
    encoding: str
    disposition: str | None
    name: str | None
    cid: str | None
    location: str | None
    language: tuple[str, ...] | None

    @property
    def charset(self) -> str | None:
        """The charset label as sent."""
        return self.params.params.get("charset")


PLAIN = Content("text/plain", None, params.EMPTY, "identity", None, None, None, None, None)
MESSAGE = Content("message/rfc822", None, params.EMPTY, "identity", None, None, None, None, None)


def parse(header: Header, part: str | None, default: Content, limits: Limits, defects: list[Defect]) -> Content:
    """The content of a part; ``default`` is what a part without fields has (RFC 2046 section 5.1.5)."""
    first = header.first
    raw_type = first.get("content-type")
    raw_encoding = first.get("content-transfer-encoding")
    raw_disposition = first.get("content-disposition")
    if raw_type is None and raw_encoding is None and raw_disposition is None and "content-id" not in first:
        return default
    typed = params.EMPTY if raw_type is None else _value(header, raw_type, part, limits, defects)
    disposed = params.EMPTY if raw_disposition is None else _value(header, raw_disposition, part, limits, defects)
    if len(first) != len(header.keys):
        _flag_repeats(header, part, defects)
    encoding, known = transfer.canonical(raw_encoding)
    if not known:
        defects.append(Defect("transfer.unknown-encoding", part))
    kind = _type(typed.main, default.type, part, defects) if raw_type is not None else default.type
    return Content(
        kind,
        typed.main or None if raw_type is not None else None,
        typed,
        encoding,
        disposed.main or None,
        _file_name(typed, disposed),
        _cid(first.get("content-id")),
        _location(header),
        _language(first.get("content-language")),
    )


def _value(header: Header, raw: str, part: str | None, limits: Limits, defects: list[Defect]) -> params.Value:
    if len(raw) > limits.field:
        defects.append(Defect("limit.field", part))
        raw = raw[: limits.field]
    value = params.parse(fields.readable(raw, header.codec, None), limits.parameters)
    if value.defects:
        defects.extend(Defect(code, part) for code in value.defects)
    return value


def _flag_repeats(header: Header, part: str | None, defects: list[Defect]) -> None:
    """The first field wins; parsers differ here, which filters are evaded with."""
    keys = ("content-type", "content-transfer-encoding", "content-disposition")
    defects.extend(Defect(f"header.repeated-{key}", part) for key in keys if header.repeated(key))


def _type(main: str, default: str, part: str | None, defects: list[Defect]) -> str:
    """RFC 2045 section 5.2: what cannot be understood is what a part without the field is."""
    if _TYPE.fullmatch(main):
        return main
    defects.append(Defect("content-type.damaged", part))
    known = _SHORT.get(main)
    if known:
        return known
    return default if not main or "/" not in main else "application/octet-stream"


def _file_name(typed: params.Value, disposed: params.Value) -> str | None:
    return disposed.params.get("filename") or typed.params.get("name") or disposed.params.get("name") or None


def _cid(raw: str | None) -> str | None:
    if raw is None:
        return None
    text = words.text(raw)
    start, end = text.find("<"), text.rfind(">")
    text = text[start + 1 : end] if 0 <= start < end else text.strip("<>")
    return unquote(text.strip()) or None


def _location(header: Header) -> str | None:
    raw = header.first.get("content-location")
    return re.sub(r"\s+", "", words.text(raw)) or None if raw else None


def _language(raw: str | None) -> tuple[str, ...] | None:
    if raw is None:
        return None
    return tuple(tag for piece in words.unfold(raw).split(",") if (tag := words.clean(piece.strip()))) or None
