"""A bucket that keeps versions: what is stored already is not sent again, as each time would keep one more copy."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import S3Error

from services.common.errors import Unavailable
from services.common.stores.s3_refusals import world


def keeps_versions(client: Minio, bucket: str) -> bool:
    """Whether a further put of a key keeps what was there; False, too, where these keys may not ask.

    Raises Unavailable.
    """
    with world():
        try:
            return bool(client.get_bucket_versioning(bucket).status == ENABLED)
        except S3Error:  # refused, or a store without versions
            return False


def holds(client: Minio, bucket: str, key: str, source: BinaryIO, size: int, part: int) -> bool:
    """Whether an object has just the bytes of ``source``, which is read whole and rewound.

    Its entity tag tells, as a put in parts of ``part`` octets makes it. Where tags are something else (a store that
    encrypts with keys of its own) the answer is no, and the object is written once more. Raises Unavailable.
    """
    with world():
        try:
            found = client.stat_object(bucket, key)
        except S3Error:  # absent, or not for these keys: the put itself tells what is wrong
            return False
    return found.size == size and found.etag == _tag(source, part)


def withdraw(client: Minio, bucket: str, key: str) -> bool:
    """Remove an object that was only tried; whether there was one. Raises Unavailable.

    Its version goes, too, where these keys may remove versions.
    """
    try:
        with world(key):
            version = client.stat_object(bucket, key).version_id
    except KeyError:
        return False
    for which in dict.fromkeys((version, None)):
        with suppress(Unavailable), world():
            client.remove_object(bucket, key, version_id=which)
            break
    return True


def _tag(source: BinaryIO, part: int) -> str:
    """MD5 of the bytes, or of the MD5s of the parts with their number."""
    sums = list(_sums(source, part))
    source.seek(0)
    if len(sums) == 1:
        return sums[0].hex()
    return f"{hashlib.md5(b''.join(sums), usedforsecurity=False).hexdigest()}-{len(sums)}"


def _sums(source: BinaryIO, part: int) -> Iterator[bytes]:
    source.seek(0)
    block = source.read(part)
    yield hashlib.md5(block, usedforsecurity=False).digest()
    while block := source.read(part):
        yield hashlib.md5(block, usedforsecurity=False).digest()
