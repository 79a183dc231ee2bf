"""Text of the parts that people read: charset, line ends, limits, preview."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from services.common.email import Defect, EmailBodyValue
from services.parser.mime import charsets, flowed, htmltext
from services.parser.mime.leaves import Leaf
from services.parser.mime.limits import Limits
from services.parser.mime.tree import Part

_TLD: Final = re.compile(r"[a-z]{2}")
_PREVIEW: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TARGET: Final = re.compile(r" ?<(?:https?|mailto|ftp)[^>]*>")


class BodyText:
    """The value for ``bodyValues``, and how it came about."""

    def __init__(self, value: EmailBodyValue, used: str, replacements: int, media_type: str) -> None:
        self.value: Final = value
        self.used: Final = used
        self.replacements: Final = replacements
        self.type: Final = media_type


def read(leaf: Leaf, tld: str | None, limits: Limits, defects: list[Defect]) -> BodyText:
    """The text of a leaf, LF at line ends (RFC 8621 section 4.1.4), no NUL."""
    part = leaf.part
    data = leaf.head
    truncated = leaf.size > limits.text
    if truncated:
        defects.append(Defect("limit.text", part.path, part.body))
        data = _cut(data, limits.text)
    text = _decoded(data, part, tld)
    if text.defect:
        defects.append(Defect(text.defect, part.path, part.body))
    value = _lines(text.value)
    if "\0" in value:
        defects.append(Defect("text.nul", part.path, part.body))
        value = value.replace("\0", "")
    said = part.content.params
    if "format" in said and said["format"].lower() == "flowed" and part.content.type == "text/plain":
        if value.count("\n") > limits.flowed:
            defects.append(Defect("limit.flowed", part.path, part.body))
        else:
            value = flowed.unflow(value, delsp=said.get("delsp", "").lower() == "yes")
    problem = text.replacements > 0
    shown = EmailBodyValue(value=value, is_encoding_problem=problem, is_truncated=truncated)
    return BodyText(shown, text.used, text.replacements, part.content.type)


def _decoded(data: bytes, part: Part, tld: str | None) -> charsets.Text:
    """By the label of the part; by the one in an HTML page where there is none, or one that says nothing."""
    label = part.content.charset
    if part.content.type != "text/html" or not (label is None or (charsets.says_nothing(label) and not data.isascii())):
        return charsets.decode(data, label, tld)
    page = htmltext.charset_of(data)
    text = charsets.decode(data, page or label, tld)
    if label is None or page is None or text.defect:
        return text
    return charsets.Text(text.value, text.used, text.replacements, "charset.label-lies")


def _lines(value: str) -> str:
    if "\r" not in value:
        return value
    if "\n" not in value:
        return value.replace("\r", "\n")
    lines = value.replace("\r\n", "\n")
    damaged = "\r" in lines and "\r\n" in lines
    return value.replace("\r\r\n", "\n").replace("\r\n", "\n") if damaged else lines


def _cut(data: bytes, limit: int) -> bytes:
    """At most ``limit`` octets, at a line end or at least not inside a UTF-8 character."""
    end = data.rfind(b"\n", max(limit - 65_536, 0), limit) + 1
    if not end:
        end = limit
        while end > limit - 4 and end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
    return data[:end]


def preview_of(parts: Sequence[Part], read: Mapping[str, BodyText], derived: str | None) -> str:
    """The start of the first plain text, else of the derived one, on one line, at most 256 characters."""
    for part in parts:
        text = read.get(part.path)
        if text is not None and part.content.type == "text/plain" and (found := _preview(text.value.value)):
            return found
    return _preview(_TARGET.sub("", derived[: 64 * _PREVIEW])) if derived else ""


def _preview(text: str) -> str:
    short = _one_line(text[: _PREVIEW + 64])
    if len(short) < _PREVIEW < len(text) - 64:
        short = _one_line(text[: 32 * _PREVIEW])
    return short[:_PREVIEW].rstrip()


def _one_line(text: str) -> str:
    """White space and control characters as one blank: a preview is shown in lists, where neither may do anything."""
    return " ".join(_CONTROL.sub(" ", text).split())


def country(address: str | None) -> str | None:
    """The country domain of an address, a hint for the charset detector."""
    tld = address.rpartition(".")[2] if address else ""
    return tld if len(tld) == 2 and _TLD.fullmatch(tld) else None
