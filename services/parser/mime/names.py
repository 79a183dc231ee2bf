"""File names that are safe as one path segment, in any operating system's file store."""

import mimetypes
import re
from functools import lru_cache
from typing import Final

from services.common.message.normal_form import normal

_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ -]{0,100}(?:\.[A-Za-z0-9_-]{1,20}){0,2}")
_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]+"
)
_RESERVED: Final = re.compile(r"[<>:\"|?*]")
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d¹²³]) *(?:\.|$)", re.IGNORECASE)
_FOLDER: Final = "__XLDIR__"  # MinIO lists an object whose name ends so as a folder
_MOST: Final = 255
_EXTENSIONS: Final = {
    "text/plain": ".txt",
    "text/html": ".html",
    "message/rfc822": ".eml",
    "message/global": ".eml",
    "text/calendar": ".ics",
    "image/jpeg": ".jpg",
    "application/ms-tnef": ".dat",
    "message/delivery-status": ".txt",
    "text/rfc822-headers": ".txt",
}


def safe(name: str | None, path: str, media_type: str) -> str:
    """The base name of ``name`` without what is dangerous, at most 255 octets; ``part-<path>.<ext>`` without a name."""
    if name and _PLAIN.fullmatch(name) and not _DEVICE.match(name) and name[-1] not in " ." and _FOLDER not in name:
        return name
    base = _base(name) if name else ""
    return _shortened(base) if base else f"part-{path}{extension(media_type)}"


def _base(name: str) -> str:
    name = normal("NFC", _UNSAFE.sub("", name))
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = _RESERVED.sub("_", name).strip(" .\t") if name.strip(". ") else ""
    return _no_device(name.replace(_FOLDER, _FOLDER.lower()))


def _no_device(name: str) -> str:
    return f"_{name}" if _DEVICE.match(name) else name


def _shortened(name: str) -> str:
    octets = name.encode()
    if len(octets) <= _MOST:
        return name
    stem, dot, suffix = name.rpartition(".")
    tail = (dot + suffix).encode()
    if not stem or len(tail) > 32:
        stem, tail = name, b""
    short = stem.encode()[: _MOST - len(tail)].decode("utf-8", "ignore").rstrip(" .")
    return _no_device(short + tail.decode())


@lru_cache(maxsize=512)
def extension(media_type: str) -> str:
    """The usual ending for a type, with its dot; ``.bin`` when there is none."""
    return _EXTENSIONS.get(media_type) or mimetypes.guess_extension(media_type) or ".bin"


@lru_cache(maxsize=512)
def media_type(name: str | None) -> str:
    """The type that a file name suggests."""
    return (name and mimetypes.guess_type(name[-64:])[0]) or "application/octet-stream"
