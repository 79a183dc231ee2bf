"""What the Content-* fields of a part say (RFC 2045, RFC 2183)."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from services.common.email import Defect
from services.common.message import transfer
from services.parser.mime import fields, params, words
from services.parser.mime.fields import Header
from services.parser.mime.limits import Limits
from services.parser.mime.params import EMPTY, Value

_TYPE: Final = re.compile(r"[\w!#$%&'*+.^`{|}~-]+/[\w!#$%&'*+.^`{|}~-]+")
UNTYPED: Final = frozenset({"application/octet-stream", "application/x-octet-stream"})
"""Types that say nothing: then the name of a part may."""
_SHORT: Final = {"text": "text/plain", "plain": "text/plain", "text/": "text/plain", "html": "text/html"}


class Content:
    """The Content-* fields of one part, in the form that the Email object wants. Never changed, as parts share it."""

    def __init__(
        self,
        media_type: str,
        typed: Value = EMPTY,
        encoding: str = "identity",
        disposed: Value = EMPTY,
        cid: str | None = None,
        location: str | None = None,
        language: tuple[str, ...] | None = None,
    ) -> None:
        self.type: Final = media_type
        self.typed: Final = typed
        self.encoding: Final = encoding
        self.disposed: Final = disposed
        self.cid: Final = cid
        self.location: Final = location
        self.language: Final = language
        self.params: Final = typed.params
        self.declared_type: Final = typed.main or None
        self.disposition: Final = disposed.main or None
        said = disposed.params.get("filename") or typed.params.get("name") or disposed.params.get("name")
        self.name: Final = said or None
        self.charset: Final = typed.params.get("charset")
        """The label as sent."""


PLAIN: Final = Content("text/plain")
MESSAGE: Final = Content("message/rfc822")


def parse(
    header: Header,
    part: str | None,
    default: Content,
    limits: Limits,
    defects: list[Defect],
    hint: str | None = None,
) -> Content:
    """The content of a part; ``default`` is what a part without fields has (RFC 2046 section 5.1.5).

    ``hint`` is the charset that raw octets in the fields are probably in.
    """
    first = header.first
    raw_type = first.get("content-type")
    raw_encoding = first.get("content-transfer-encoding")
    raw_disposition = first.get("content-disposition")
    more = "content-id" in first or "content-location" in first or "content-language" in first
    if raw_type is None and raw_encoding is None and raw_disposition is None and not more:
        return default
    if header.repeated:
        _flag_repeats(header, part, defects)
    length = len(raw_type or "") + len(raw_encoding or "") + len(raw_disposition or "")
    codec = "ascii" if header.codec == "utf-8" else header.codec
    describe = _described if length <= _CACHED else _describe
    hint = hint or header.looks if codec == "latin-1" else None
    content, codes = describe(
        raw_type, raw_encoding, raw_disposition, default.type, (codec, hint), (limits.field, limits.parameters)
    )
    if codes:
        defects.extend(Defect(code, part) for code in codes)
    if more:
        return Content(
            content.type,
            content.typed,
            content.encoding,
            content.disposed,
            _cid(first.get("content-id")),
            _location(first.get("content-location")),
            _language(first.get("content-language")),
        )
    return content


_CACHED: Final = 512


def _describe(
    raw_type: str | None,
    raw_encoding: str | None,
    raw_disposition: str | None,
    default: str,
    codec: tuple[str, str | None],
    bounds: tuple[int, int],
) -> tuple[Content, tuple[str, ...]]:
    """The content that three fields say, and the codes of what was odd."""
    codes: list[str] = []
    typed = EMPTY if raw_type is None else _value(codec, raw_type, bounds, codes)
    disposed = EMPTY if raw_disposition is None else _value(codec, raw_disposition, bounds, codes)
    encoding, known = transfer.canonical(params.uncommented(raw_encoding) if raw_encoding else raw_encoding)
    if not known:
        codes.append("transfer.unknown-encoding")
    media_type = default if raw_type is None else _type(typed.main, default, codes)
    return Content(media_type, typed, encoding, disposed), tuple(codes)


_described: Final = lru_cache(maxsize=2048)(_describe)


def _value(codec: tuple[str, str | None], raw: str, bounds: tuple[int, int], codes: list[str]) -> Value:
    longest, most = bounds
    if len(raw) > longest:
        codes.append("limit.field")
        raw = raw[:longest]
    value = params.parse(fields.readable(raw, *codec), most)
    codes.extend(value.defects)
    return value


def _flag_repeats(header: Header, part: str | None, defects: list[Defect]) -> None:
    """The first field wins; parsers differ here, which filters are evaded with."""
    keys = ("content-type", "content-transfer-encoding", "content-disposition")
    defects.extend(Defect(f"header.repeated-{key}", part) for key in keys if key in header.repeated)


def _type(main: str, default: str, codes: list[str]) -> str:
    """RFC 2045 section 5.2: what cannot be understood is what a part without the field is."""
    if _TYPE.fullmatch(main):
        return main
    codes.append("content-type.damaged")
    known = _SHORT.get(main)
    if known:
        return known
    return default if not main or "/" not in main else "application/octet-stream"


def _cid(raw: str | None) -> str | None:
    if raw is None:
        return None
    text = words.text(raw)
    start, end = text.find("<"), text.rfind(">")
    text = text[start + 1 : end] if 0 <= start < end else text.strip("<>")
    return unquote(text.strip()).replace("\x00", "") or None


def _location(raw: str | None) -> str | None:
    return re.sub(r"\s+", "", words.text(raw)) or None if raw else None


def _language(raw: str | None) -> tuple[str, ...] | None:
    if raw is None:
        return None
    return tuple(tag for piece in words.unfold(raw).split(",") if (tag := words.clean(piece.strip()))) or None
