"""Encoded words (RFC 2047) and raw 8-bit octets in header fields, as readable text."""

import binascii
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from services.common.message import transfer
from services.common.message.charset_labels import STATEFUL
from services.common.message.normal_form import normal
from services.parser.mime import charsets

_WORD: Final = re.compile(r"=\?([^?\s]{1,100})\?([bBqQ])\?([^?]*+(?:\?(?!=)[^?]*+)*)\?=")
_FOLD: Final = re.compile(r"[\r\n]+[ \t]?")
_LONG: Final = 256 * 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def unfold(value: str) -> str:
    """A raw field value on one line (RFC 5322 section 2.2.3), without the blanks around it."""
    if "\n" in value or "\r" in value:
        lines = value.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ")
        value = _FOLD.sub(" ", value) if "\n" in lines or "\r" in lines else lines
    return value.strip(" \t")


def clean(value: str) -> str:
    """Normal form C without NUL; every run of other control characters becomes one blank."""
    if value.isprintable() and value.isascii():
        return value
    return normal("NFC", _CONTROL.sub(" ", value.replace("\0", ""))).strip(" \t")


def line(value: str) -> str:
    """A raw field value on one line and clean."""
    if value.isascii() and value.isprintable():
        return value.strip(" \t")
    return clean(unfold(value))


def text(value: str) -> str:
    """A raw field value as text for people (RFC 8621 section 4.1.2.2)."""
    if "=?" not in value:
        return line(value)
    return clean(decode(unfold(value)))


def decode(value: str) -> str:
    """Every encoded word of ``value`` decoded; text around them stays, white space between two of them goes.

    Adjacent words of one charset are joined as octets first: senders split characters over them. Words behind the
    first 256 KiB stay as they are.
    """
    end = value.rfind("?=", 0, _LONG) + 2  # without an end behind it no start is a word, so the search is linear
    if end < 2 or "=?" not in value:
        return value
    pieces = _WORD.split(value[:end])
    labels, encodings = pieces[1::4], pieces[2::4]
    if not labels:
        return value
    label = labels[0].partition("*")[0]
    alike = len(set(labels)) == 1 and len(set(encodings)) == 1 and not "".join(pieces[4:-1:4]).strip()
    if alike and charsets.codec(label) not in STATEFUL:
        text = charsets.decode(_octets_of_all(encodings[0], pieces[3::4], label), label).value
        return f"{pieces[0]}{text}{pieces[-1]}{value[end:]}"
    return "".join([*_decoded(pieces), pieces[-1], value[end:]])


def label(value: str) -> str | None:
    """The charset of the first encoded word, in which raw octets beside it probably are too."""
    found = _WORD.search(value)
    return found[1].partition("*")[0] if found else None


def _decoded(pieces: list[str]) -> list[str]:
    """Words of several charsets or with text between them, as ``_WORD.split`` gives them."""
    out: list[str] = []
    held: list[bytes] = []
    charset = ""
    for number in range(0, len(pieces) - 1, 4):
        plain, label, encoding, payload = pieces[number : number + 4]
        label = label.partition("*")[0].lower()
        between = number > 0 and not plain.strip()
        if held and not (between and _same(label, charset)):
            out.append(_joined(held, charset))
            held.clear()
        if not between:
            out.append(plain)
        charset = label
        held.append(_octets(encoding, payload, label))
    if held:
        out.append(_joined(held, charset))
    return out


def _joined(held: list[bytes], label: str) -> str:
    """The text of adjacent words, joined as octets; each for itself where its charset has states and that is no text.

    Then a word leaves a state behind that the next one does not take up, or starts with a mark of its own.
    """
    text = charsets.decode(b"".join(held), label)
    known = charsets.codec(label)
    if len(held) == 1 or known not in STATEFUL or (text.defect is None and known != "utf-16"):
        return text.value
    return "".join([charsets.decode(octets, label).value for octets in held])


def _same(one: str, other: str) -> bool:
    """True for two labels of one charset: ``gb2312`` and ``gbk``, ``utf8`` and ``utf-8``."""
    if one == other:
        return True
    known = charsets.codec(one)
    return known is not None and known == charsets.codec(other)


def _octets_of_all(encoding: str, payloads: list[str], label: str) -> bytes:
    """The octets of words of one encoding: at once where no word can run into the next one."""
    if encoding in "bB":
        apart = any(len(payload) & 3 or " " in payload for payload in payloads)
    else:
        apart = any("=" in payload[-2:] for payload in payloads)
    return (
        b"".join([_octets(encoding, payload, label) for payload in payloads])
        if apart
        else _octets(encoding, "".join(payloads), label)
    )


def _octets(encoding: str, payload: str, label: str) -> bytes:
    raw = payload.encode() if payload.isascii() else _in_charset(payload, label)
    if encoding in "bB":
        return transfer.base64(raw)[0]
    if "=" not in payload:
        return raw.replace(b"_", b" ")
    whole = raw + b"3D" if raw.endswith(b"=") else raw
    return binascii.a2b_qp(whole.replace(b"==", b"=3D=").replace(b"= ", b"=3D "), header=True)


def _in_charset(payload: str, label: str) -> bytes:
    """What stood unencoded in a word or value, and was read since, in the charset that it names."""
    codec = charsets.codec(label)
    try:
        return payload.encode(codec if codec and codec not in STATEFUL else "utf-8")
    except (UnicodeError, LookupError):
        return payload.encode("utf-8", "surrogateescape")


def percent_decoded(value: str, label: str | None) -> str:
    """An RFC 2231 extended value."""
    return charsets.decode(unquote_to_bytes(_in_charset(value, label or "utf-8")), label).value
