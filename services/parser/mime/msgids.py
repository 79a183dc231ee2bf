"""Message identifiers (RFC 5322 section 3.6.4), with or without brackets, and the synthetic one."""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

_BRACKETED: Final = re.compile(r"<([^<>]*)>")
_COMMENT: Final = re.compile(r"\([^()]*+\)")
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
_RETURN: Final = 0x0D
SYNTHETIC_DOMAIN: Final = "synthetic.invalid"


def parse(value: str) -> tuple[str, ...]:
    """All identifiers of a field in order, without brackets and without repeats."""
    found = _BRACKETED.findall(value)
    if not found:
        found = _bare(value)
    if not _clean("".join(found)):
        found = [_BLANKS.sub("", item) for item in found]
    return tuple([item for item in dict.fromkeys(found) if item])


def without_middle(value: str, most: int) -> str:
    """Beginning and end of a field, ``most`` characters together. An identifier in brackets that is cut is none."""
    half = most // 2
    return ("<>" if "<" in value else " ").join((value[:half], value[len(value) - half :]))


def first(value: str) -> str | None:
    """The identifier of a Message-ID field; without brackets all of the field is one."""
    start = value.find("<")
    end = value.find(">", start)
    text = value[start + 1 : end].rpartition("<")[2] if 0 <= start < end else value.replace("<", "").replace(">", "")
    if "(" in text:
        text = _COMMENT.sub("", text)
    return (text if _clean(text) else _BLANKS.sub("", text)) or None


def _clean(text: str) -> bool:
    """True when there is surely nothing to take out."""
    return text.isascii() and text.isprintable() and " " not in text


def _bare(value: str) -> list[str]:
    """Identifiers without brackets: the words with an @, or the only word there is."""
    tokens = [token for token in re.split(r"[\s,<>]+", value) if token]
    return tokens if len(tokens) == 1 else [token for token in tokens if "@" in token]


def synthetic(fields: Iterable[str], body: Iterable[bytes]) -> str:
    """An identifier made of content that survives redelivery: raw fields, and the body with line ends as LF."""
    digest = sha256()
    for field in fields:
        digest.update(field.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    held = b""
    for block in body:
        data = held + block
        held = data[-1:] if data.endswith(b"\r") else b""
        whole = data[: len(data) - len(held)]
        digest.update(whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if _RETURN in whole else whole)
    digest.update(held and b"\n")
    return f"{digest.hexdigest()}@{SYNTHETIC_DOMAIN}"
