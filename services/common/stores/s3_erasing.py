"""Removing objects of an S3 store for good: all versions, and parts of uploads that were never ended.

minio-py keeps the requests about unfinished uploads to itself since its version 7; there is no other way to them.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from minio import Minio
from minio.commonconfig import ENABLED
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.versioningconfig import SUSPENDED

from services.common.errors import ConfigurationError, Unavailable
from services.common.stores.s3_refusals import ADVICE, REFUSED

_NO_SUCH_REQUEST = ("NotImplemented", "MethodNotAllowed")
_NO_SUCH_UPLOAD = "NoSuchUpload"
_VERSIONS_UNKNOWN = (
    "the object store does not tell whether the bucket keeps old versions, which would stay: let the user of these keys"
    " list and delete them (s3:ListBucketVersions, s3:DeleteObjectVersion) and try again; no object was erased"
)
_NOT_IN_XML = re.compile("[\x00-\x1f\ufffe\uffff]")  # XML 1.0 section 2.2: a request for many keys cannot name these
_KEYS = 1_000  # of one request
_LOCKED = re.compile("WORM|object lock")  # as MinIO and AWS word it: their codes are those of other refusals
_LOCKED_ADVICE = "the bucket holds them by a retention time or a legal hold (object lock); try again when it has ended"


def erase(client: Minio, bucket: str, prefix: str) -> int:
    """Remove all that is below a prefix; how many objects and versions there were.

    Raises ConfigurationError when these keys may not know whether there are any: nothing was removed.
    """
    erased = 0
    found = _every(client, bucket, prefix)
    while some := list(islice(found, _KEYS)):
        remove(client, bucket, [(each.object_name or "", each.version_id) for each in some])
        erased += sum(not each.is_delete_marker for each in some)
    _end_uploads(client, bucket, prefix)
    return erased


def remove(client: Minio, bucket: str, versions: Sequence[tuple[str, str | None]]) -> None:
    """Remove objects, or versions of them; absent ones are passed over. Raises Unavailable."""
    alone = [(key, version) for key, version in versions if _NOT_IN_XML.search(key)]
    for key, version in alone:
        client.remove_object(bucket, key, version_id=version)
    together = [DeleteObject(*each) for each in versions if each not in alone]
    errors = list(client.remove_objects(bucket, together))
    if errors:
        first = errors[0]
        advice = _LOCKED_ADVICE if _LOCKED.search(first.message or "") else ADVICE.get(first.code, "try again")
        raise Unavailable(f"{len(errors)} objects could not be removed ({first.code}): {advice}")


def _every(client: Minio, bucket: str, prefix: str) -> Iterator[Any]:
    """All objects below a prefix with all their versions. Where keys may not ask for versions the list may tell."""
    keeps = _keeps_versions(client, bucket)
    found = client.list_objects(bucket, prefix=prefix, recursive=True, include_version=keeps is not False)
    try:
        yield from found
    except S3Error as error:
        if keeps is not None or error.code != REFUSED:
            raise
        raise ConfigurationError(_VERSIONS_UNKNOWN) from error


def _keeps_versions(client: Minio, bucket: str) -> bool | None:
    """Whether the bucket keeps versions; None when these keys may not ask."""
    try:
        return client.get_bucket_versioning(bucket).status in (ENABLED, SUSPENDED)
    except S3Error as error:
        if error.code == REFUSED:
            return None
        if error.code in _NO_SUCH_REQUEST:
            return False
        raise


def _end_uploads(client: Minio, bucket: str, prefix: str) -> None:
    """Remove the parts of uploads that were never ended, as far as the store and these keys let it."""
    with _passed_over(REFUSED, *_NO_SUCH_REQUEST):
        for key, upload in [each for each in _uploads(client, bucket) if each[0].startswith(prefix)]:
            with _passed_over(_NO_SUCH_UPLOAD):
                client._abort_multipart_upload(bucket, key, upload)


def _uploads(client: Minio, bucket: str) -> Iterator[tuple[str, str]]:
    """Key and id of every upload that is under way. MinIO knows no prefix here but a whole key."""
    after: tuple[str | None, str | None] = (None, None)
    while True:
        page = client._list_multipart_uploads(bucket, key_marker=after[0], upload_id_marker=after[1])
        yield from ((each.object_name, each.upload_id or "") for each in page.uploads)
        last, after = after, (page.next_key_marker, page.next_upload_id_marker)
        if not page.is_truncated or after == last:
            return


@contextmanager
def _passed_over(*codes: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code not in codes:
            raise
