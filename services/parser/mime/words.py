"""Encoded words (RFC 2047) and raw 8-bit octets in header fields, as readable text."""

import binascii
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from services.parser.mime import charsets, transfer

_START = re.compile(r"=\?([^?\s]{1,100})\?([bBqQ])\?")
_FOLD = re.compile(r"[\r\n]+[ \t]?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_BLANK = frozenset(" \t\r\n")


def unfold(value: str) -> str:
    """A raw field value on one line (RFC 5322 section 2.2.3), without the blanks around it."""
    return (_FOLD.sub(" ", value) if "\n" in value or "\r" in value else value).strip(" \t")


def clean(value: str) -> str:
    """Normal form C without control characters; every run of them becomes one blank."""
    if value.isprintable() and value.isascii():
        return value
    return unicodedata.normalize("NFC", _CONTROL.sub(" ", value)).strip(" \t")


def text(value: str) -> str:
    """A raw field value as text for people (RFC 8621 section 4.1.2.2)."""
    return clean(decode(unfold(value)))


def decode(value: str) -> str:
    """Every encoded word of ``value`` decoded; text around them stays, white space between two of them goes."""
    if "=?" not in value:
        return value
    return "".join(_joined(_tokens(value)))


Token = tuple[str, str, bytes]  # charset, plain text, octets: either text or (charset, octets)


def _tokens(value: str) -> Iterator[Token]:
    """Plain stretches and encoded words, in order; one pass, since a missing ``?=`` ends the search."""
    done = 0
    while (start := value.find("=?", done)) >= 0:
        head = _START.match(value, start)
        if head is None:
            yield "", value[done : start + 2], b""
            done = start + 2
            continue
        end = value.find("?=", head.end())
        if end < 0:
            break
        if start > done:
            yield "", value[done:start], b""
        yield head[1], "", _octets(head[2], value[head.end() : end])
        done = end + 2
    if done < len(value):
        yield "", value[done:], b""


def _octets(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "surrogateescape")
    if encoding in "bB":
        return transfer.base64(raw)[0]
    if "=" not in payload:
        return raw.replace(b"_", b" ")
    return binascii.a2b_qp(raw.replace(b"==", b"=3D=").replace(b"= ", b"=3D "), header=True)


def _joined(tokens: Iterator[Token]) -> Iterator[str]:
    """Adjacent words of one charset are joined as octets first: senders split characters over them."""
    charset, held, blank = "", b"", ""
    for label, plain, octets in tokens:
        if not label:
            if charset and not plain.strip(" \t\r\n"):
                blank += plain
                continue
            if charset:
                yield _word(held, charset) + blank
            charset, held, blank = "", b"", ""
            yield plain
        elif charset and _same(label, charset):
            held, blank = held + octets, ""
        else:
            if charset:
                yield _word(held, charset)
            charset, held, blank = label, octets, ""
    if charset:
        yield _word(held, charset) + blank


def _same(label: str, other: str) -> bool:
    return label.partition("*")[0].lower() == other.partition("*")[0].lower()


def _word(octets: bytes, label: str) -> str:
    return charsets.decode(octets, label.partition("*")[0]).value


def percent_decoded(value: str, label: str | None) -> str:
    """An RFC 2231 extended value."""
    return charsets.decode(unquote_to_bytes(value.encode("utf-8", "surrogateescape")), label).value
