"""What an object in a folder is: content type and metadata, in an extended attribute of its file."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from services.common.objects import ObjectInfo

_ATTRIBUTE = "user.mailweir"
_NO_ATTRIBUTES = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
# Above 64 KiB Linux says E2BIG; ext4 has 4 kB for all of a file (960 octets in blocks of 1 kB) and says ENOSPC, as when
# it is full.
_TOO_LARGE = {errno.E2BIG, errno.ENOSPC}
_SHORTER = (400, 150)  # octets of each text; a place and a date, which make rows again, take 102 and 34 at most


def describe(descriptor: int, content_type: str, metadata: Mapping[str, str]) -> None:
    """An attribute costs microseconds where a second file would cost a sync; file systems without them go without.

    One that is too large is said more shortly. Raises ``OSError``: a full disk must not take an object undescribed.
    """
    if hasattr(os, "setxattr") and not any(_attached(descriptor, form) for form in _forms(content_type, metadata)):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _attached(descriptor: int, described: bytes) -> bool:
    """Whether there was room for it, or there are no attributes at all."""
    try:
        os.setxattr(descriptor, _ATTRIBUTE, described)
    except OSError as error:
        if error.errno in _TOO_LARGE:
            return False
        if error.errno not in _NO_ATTRIBUTES:
            raise
    return True


def _forms(content_type: str, metadata: Mapping[str, str]) -> Iterator[bytes]:
    """What is said of an object: whole, then shorter and shorter."""
    yield _json([content_type, dict(metadata)])
    for most in _SHORTER:
        yield _json([_cut(content_type, most), {name: _cut(text, most) for name, text in metadata.items()}])


def _cut(text: str, most: int) -> str:
    """The text, or as much of its beginning as makes about ``most`` octets."""
    while len(_json(text)) > most:
        text = text[: len(text) * 3 // 4]
    return text


def _json(value: object) -> bytes:
    """Measured: a twelfth of the time of ``json.dumps``, which knows what to do with what is no Unicode."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def description_of(path: Path) -> tuple[str, dict[str, str]]:
    """Content type and metadata, as far as they are said."""
    try:
        content_type, metadata = json.loads(os.getxattr(path, _ATTRIBUTE))
    except (AttributeError, OSError, ValueError):
        return ObjectInfo("", 0).content_type, {}
    return str(content_type), {str(name): str(text) for name, text in metadata.items()}
