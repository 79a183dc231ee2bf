"""Objects in MinIO or another S3 store, through minio-py: blocking, thread-safe, own pool and short time-outs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from threading import BoundedSemaphore
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlparse

import urllib3
from minio import Minio
from minio.commonconfig import ENABLED
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, MinioException, S3Error
from minio.versioningconfig import SUSPENDED

from services.common.errors import ConfigurationError, Unavailable
from services.common.objects import NewObject, ObjectInfo
from services.common.stores.snowball import AUTO_EXTRACT, packed

_PART = 5 << 20  # octets per part of a multipart upload, the least that S3 takes; an upload holds about two
_FILES_AT_ONCE = 2  # they wait for the store's disk, and more would only hold memory
_PUTS_AT_ONCE = 16  # measured: 490 puts/s with one thread, 920 with sixteen
_ASIS = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
_EDGES = re.compile(r"^ | $")
_METADATA_OCTETS = 400
_META = "x-amz-meta-"
_SMALL = 1 << 20  # larger objects gain nothing from company
_GROUP_OCTETS = 4 << 20  # a few requests for a batch, so that they go in parallel
_GROUPS_AT_ONCE = 4  # bounds the memory of their copies
_GROUP_KEY = ".mailweir-group.tar"
_LARGEST = 64 << 20
_KEYS = 1_000  # of one request
_TYPE = re.compile(r"[!-~]{1,100}(?: [!-~]{1,100})?")  # what each store takes as a header, and signs as it is sent
_NOT_IN_XML = re.compile("[\x00-\x1f\ufffe\uffff]")  # XML 1.0 section 2.2: a request for many keys cannot name these
_ABSENT = ("NoSuchKey", "NoSuchObject")
_BEHIND_THE_END = "InvalidRange"
_NO_SUCH_REQUEST = ("NotImplemented", "MethodNotAllowed")
_REFUSED = "AccessDenied"
_VERSIONS_UNKNOWN = (
    "the object store does not tell whether the bucket keeps old versions, which would stay: let the user of these keys"
    " list and delete them (s3:ListBucketVersions, s3:DeleteObjectVersion) and try again; no object was erased"
)
_KEYS_ADVICE = "see MAILWEIR_S3_ACCESS_KEY and MAILWEIR_S3_SECRET_KEY; it is tried again"
_ADVICE = {
    "SignatureDoesNotMatch": _KEYS_ADVICE,
    "InvalidAccessKeyId": _KEYS_ADVICE,
    "AccessDenied": "let the user of these keys list, read, write and delete in the bucket, and ask where it is"
    " (s3:GetBucketLocation); it is tried again",
    "NoSuchBucket": "make it (python -m infra.minio.bucket), or name another by MAILWEIR_S3_BUCKET; it is tried again",
    "RequestTimeTooSkewed": "its clock and that of this machine differ by minutes; set both right; it is tried again",
    "XMinioStorageFull": "its disk is full; make room; it is tried again",
}


def connect(endpoint: str, access_key: str, secret_key: str) -> Minio:
    """A client with its own pool: connections for every thread, 10 s to answer, three tries on 5xx."""
    address = urlparse(endpoint)
    pool = urllib3.PoolManager(
        maxsize=_PUTS_AT_ONCE + 4,
        timeout=urllib3.Timeout(connect=5, read=30),
        retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
    )
    return Minio(address.netloc, access_key, secret_key, secure=address.scheme == "https", http_client=pool)


class S3Store:
    """An ``ObjectStore`` in one bucket."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self.bucket = bucket
        self._client = client
        self._takes_groups: bool | None = None
        self._groups_at_once = BoundedSemaphore(_GROUPS_AT_ONCE)
        self._files_at_once = BoundedSemaphore(_FILES_AT_ONCE)
        self._threads = ThreadPoolExecutor(_PUTS_AT_ONCE, thread_name_prefix="s3")

    def ensure_bucket(self) -> bool:
        """Create the bucket unless it is there; True when it was created."""
        with _world():
            if self._client.bucket_exists(self.bucket):
                return False
            self._client.make_bucket(self.bucket)
            return True

    def check(self) -> None:
        """See that the bucket is there, as far as these keys may ask. Raises Unavailable."""
        with _world():
            try:
                there = self._client.bucket_exists(self.bucket)
            except S3Error as error:
                if error.code != "AccessDenied":
                    raise
                return
        if not there:
            raise Unavailable(f"the object store has no bucket {self.bucket}: {_ADVICE['NoSuchBucket']}")

    def put(self, new: NewObject) -> None:
        """Write one object in one request."""
        with _world():
            data, size = BytesIO(new.data), len(new.data)
            self._client.put_object(self.bucket, new.key, data, size, _type(new.content_type), _headers(new.metadata))

    def put_many(self, news: list[NewObject]) -> None:
        """Write objects, where the store can in few requests, else from several threads; all are durable on return."""
        small = [new for new in news if len(new.data) <= _SMALL]
        groups = list(_groups(small)) if len(small) > 1 and self._takes_groups is not False else []
        grouped = {new.key for group in groups for new in group}
        alone = [new for new in news if new.key not in grouped]
        jobs = [self._threads.submit(self._put_group, group) for group in groups]
        jobs += [self._threads.submit(self.put, new) for new in alone]
        for job in jobs:
            job.result()

    def _put_group(self, group: list[NewObject]) -> None:
        with self._groups_at_once, _world():
            described = [(new, {"Content-Type": _type(new.content_type), **_amz(new.metadata)}) for new in group]
            stream = packed(described)
            size = stream.getbuffer().nbytes
            self._client.put_object(self.bucket, _GROUP_KEY, stream, size, metadata=AUTO_EXTRACT, part_size=_LARGEST)  # type: ignore[arg-type]
        if self._takes_groups is None:
            self._takes_groups = self.stat(group[0].key) is not None
            if not self._takes_groups:
                self.delete([_GROUP_KEY])
        if not self._takes_groups:
            for new in group:
                self.put(new)

    def put_file(self, key: str, source: BinaryIO, size: int, content_type: str, metadata: Mapping[str, str]) -> None:
        """Write one object from a real file in parts; a failed multipart upload is aborted by the client."""
        with self._files_at_once, _world():
            headers = _headers(metadata)
            self._client.put_object(
                self.bucket, key, source, size, _type(content_type), headers, part_size=_PART, num_parallel_uploads=1
            )  # fmt: skip

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object or a range of it. Raises ``KeyError`` when there is none."""
        if length == 0:
            return b""
        with _world(key):
            try:
                response = self._client.get_object(self.bucket, key, offset=offset, length=length or 0)
            except S3Error as error:
                if error.code == _BEHIND_THE_END:
                    return b""
                raise
            try:
                data: bytes = response.read()
                return data
            finally:
                response.close()
                response.release_conn()

    def stat(self, key: str) -> ObjectInfo | None:
        """What is stored under the key, or None."""
        try:
            with _world(key):
                found = self._client.stat_object(self.bucket, key)
        except KeyError:
            return None
        sent = {name.lower(): text for name, text in (found.metadata or {}).items()}
        metadata = {name[len(_META) :]: unquote(text) for name, text in sent.items() if name.startswith(_META)}
        return ObjectInfo(key, found.size or 0, found.content_type or "", metadata)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, in order."""
        return (key for key, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """All keys below a prefix, in order, with the octets of each object."""
        with _world():
            for found in self._client.list_objects(self.bucket, prefix=prefix, recursive=True):
                yield found.object_name or "", found.size or 0

    def delete(self, keys: list[str]) -> None:
        """Remove objects; absent ones are passed over."""
        with _world():
            self._remove([(key, None) for key in keys])

    def erase(self, prefix: str) -> int:
        """Remove all objects below a prefix, with all versions that the bucket keeps; how many there were.

        Raises ConfigurationError when these keys may not know whether there are any: nothing was removed.
        """
        erased = 0
        with _world():
            found = self._every(prefix)
            while some := list(islice(found, _KEYS)):
                self._remove([(each.object_name or "", each.version_id) for each in some])
                erased += sum(not each.is_delete_marker for each in some)
        return erased

    def _every(self, prefix: str) -> Iterator[Any]:
        """All objects below a prefix with all their versions. Where keys may not ask for versions the list may tell."""
        keeps = self._keeps_versions()
        found = self._client.list_objects(
            self.bucket, prefix=prefix, recursive=True, include_version=keeps is not False
        )
        try:
            yield from found
        except S3Error as error:
            if keeps is not None or error.code != _REFUSED:
                raise
            raise ConfigurationError(_VERSIONS_UNKNOWN) from error

    def _keeps_versions(self) -> bool | None:
        """Whether the bucket keeps versions; None when these keys may not ask."""
        try:
            return self._client.get_bucket_versioning(self.bucket).status in (ENABLED, SUSPENDED)
        except S3Error as error:
            if error.code == _REFUSED:
                return None
            if error.code in _NO_SUCH_REQUEST:
                return False
            raise

    def _remove(self, versions: Sequence[tuple[str, str | None]]) -> None:
        alone = [(key, version) for key, version in versions if _NOT_IN_XML.search(key)]
        for key, version in alone:
            self._client.remove_object(self.bucket, key, version_id=version)
        together = [DeleteObject(*each) for each in versions if each not in alone]
        errors = list(self._client.remove_objects(self.bucket, together))
        if errors:
            code = errors[0].code
            advice = _ADVICE.get(code, "try again")
            raise Unavailable(f"{len(errors)} objects could not be removed ({code}): {advice}")


def _groups(news: list[NewObject]) -> Iterator[list[NewObject]]:
    group: list[NewObject] = []
    size = 0
    for new in news:
        if group and size + len(new.data) > _GROUP_OCTETS:
            yield group
            group, size = [], 0
        group.append(new)
        size += len(new.data)
    if group:
        yield group


def _type(content_type: str) -> str:
    """What a sender calls a file, where a header can say it; a store refuses some others for ever."""
    return content_type if _TYPE.fullmatch(content_type) else ObjectInfo("", 0).content_type


def _amz(metadata: Mapping[str, str]) -> dict[str, str]:
    return {f"X-Amz-Meta-{name.title()}": _quoted(text) for name, text in metadata.items()}


def _headers(metadata: Mapping[str, str]) -> Any:
    """User metadata must be ASCII on the wire; other characters are percent-encoded, as browsers show them."""
    return {name: _quoted(text) for name, text in metadata.items()}


def _quoted(text: str) -> str:
    """At most 400 octets: S3 allows 2 kB for all metadata of an object. Spaces around a header's value get lost."""
    while len(done := _EDGES.sub("%20", quote(text, safe=_ASIS, errors="replace"))) > _METADATA_OCTETS:
        text = text[: len(text) * 3 // 4]
    return done


@contextmanager
def _world(key: str = "") -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in _ABSENT:
            raise KeyError(key) from None
        advice = _ADVICE.get(error.code or "", "it is tried again")
        raise Unavailable(f"the object store refuses ({error.code}): {advice}") from error
    except InvalidResponseError as error:
        reason = "what answers at MAILWEIR_S3_ENDPOINT is no object store, or is the port of its pages"
        raise Unavailable(f"{reason}; it is tried again") from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"the object store does not answer ({_unreached(error)}); it is tried again") from error


def _unreached(error: Exception) -> str:
    """Where nothing was reached and why; without the address of an object, which the whole text has."""
    if not isinstance(error, urllib3.exceptions.MaxRetryError):
        return type(error).__name__
    where = f"{getattr(error.pool, 'host', '')}:{getattr(error.pool, 'port', '')}"
    reason = re.sub(r"HTTPS?Connection(?:Pool)?\([^)]*\): ", "", str(error.reason))
    return f"{where}: {reason[:160]}"
