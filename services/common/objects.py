"""The object store as its callers see it. Adapters: a folder, and MinIO or any S3 store."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from services.common.errors import ContractViolated, Malformed

# MinIO takes a backslash for a slash here, and drops spaces around the dots.
_NOT_PLAIN = re.compile(r"\x00|(?:\A|/)(?:/|\Z)|(?:\A|[/\\])[ \t-\r]*[.]{1,2}[ \t-\r]*(?:[/\\]|\Z)")
_KEY_OCTETS = 1_024
_BLOCK = 4 << 20
_SEGMENT_OCTETS = 255  # what file systems take as a name; MinIO keeps each segment as one
# What ends with the last, MinIO takes for a folder: nobody would find the object by a list.
_NO_NAME = re.compile("[/\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]|\\A[.]|__XLDIR__\\Z")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object; ``size`` in octets, ``metadata`` keys in lower case."""

    key: str
    size: int
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewObject:
    """One object to be written whole."""

    key: str
    data: bytes
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class ObjectStore(Protocol):
    """Blocking; callers use threads. Every method raises ``Unavailable`` when the store does not answer.

    Objects are written once: the same key always has the same bytes, so a repeated put is harmless.
    An object is visible under its key only when it is whole and durable.
    """

    bucket: str

    def check(self) -> None:
        """See that there is a place for objects, as far as that can be told before one is written."""

    def put(self, new: NewObject) -> None:
        """Write one object that fits in memory."""

    def put_many(self, news: list[NewObject]) -> None:
        """Write several small objects; all are durable on return."""

    def put_file(self, key: str, source: BinaryIO, size: int, content_type: str, metadata: Mapping[str, str]) -> None:
        """Write one object from a real file, in parts, with constant memory."""

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object or of a range of it. Raises ``KeyError`` when there is none."""

    def stat(self, key: str) -> ObjectInfo | None:
        """What is stored under the key, or None."""

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, in order."""

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The same, each with the octets of its object."""

    def delete(self, keys: list[str]) -> None:
        """Remove objects; keys without an object are passed over."""

    def erase(self, prefix: str) -> int:
        """Remove all objects below a prefix for good; how many there were."""


def message_key(account: str, day: str, sha256: str) -> str:
    """Key of a raw message (docs/objects.md); ``day`` as ``message_day`` tells it. Raises ContractViolated."""
    return f"{_segment(account)}/messages/{day}/{sha256}.eml"


def attachment_key(account: str, sha256: str, safe_name: str) -> str:
    """Key of an attachment. Raises ContractViolated for an account or a name that is no safe path segment."""
    return f"{_segment(account)}/attachments/{sha256}/{_segment(safe_name)}"


def _segment(name: str) -> str:
    if _NO_NAME.search(name) or not is_plain(name):
        raise ContractViolated("refused.name", "a name in an object key must be one plain path segment")
    return name


def has_hash(store: ObjectStore, key: str, sha256: str) -> bool:
    """Whether an object has these bytes, read in blocks. Raises ``KeyError`` when there is none."""
    digest, offset, block = hashlib.sha256(), 0, b""
    while offset == 0 or len(block) == _BLOCK:
        block = store.read(key, offset, _BLOCK)
        digest.update(block)
        offset += _BLOCK
    return digest.hexdigest() == sha256


def uri_of(bucket: str, key: str) -> str:
    """The claim-check form of a key, ``s3://bucket/key``."""
    return f"s3://{bucket}/{key}"


def key_of(uri: str) -> str:
    """The key in ``s3://bucket/key``. Raises ``ValueError`` for anything else, and for what no store takes as a key."""
    scheme, separator, rest = uri.partition("://")
    bucket, slash, key = rest.partition("/")
    if scheme != "s3" or not (separator and bucket and slash and is_plain(key)):
        raise Malformed("a claim check must have the form s3://bucket/key")
    return key


def plain(key: str) -> str:
    """The key. Raises ``ValueError`` for one that no store takes: a store would leave its folder, or wait for ever."""
    if not is_plain(key):
        raise ValueError("an object key must be made of plain path segments")
    return key


def is_plain(key: str) -> bool:
    """Whether a key is one for every store: segments that are no way out, without NUL, as long as stores take."""
    octets = len(key.encode())
    return not _NOT_PLAIN.search(key) and octets <= _KEY_OCTETS and (octets <= _SEGMENT_OCTETS or _are_short(key))


def _are_short(key: str) -> bool:
    return all(len(segment.encode()) <= _SEGMENT_OCTETS for segment in key.split("/"))
