"""Objects in MinIO or another S3 store, through minio-py: blocking, thread-safe, own pool and short time-outs."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from secrets import token_hex
from threading import BoundedSemaphore
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlparse

import urllib3
from minio import Minio
from minio.error import S3Error

from services.common.errors import Unavailable
from services.common.objects import NewObject, ObjectInfo, plain
from services.common.stores import s3_erasing, s3_versions
from services.common.stores.s3_connections import Connections
from services.common.stores.s3_refusals import ADVICE, REFUSED, world
from services.common.stores.snowball import AUTO_EXTRACT, packed

_PART = 5 << 20  # octets per part of a multipart upload, the least that S3 takes, for all; an upload holds about two
_FILES_AT_ONCE = 2  # they wait for the store's disk, and more would only hold memory
_PUTS_AT_ONCE = 16  # measured: 490 puts/s with one thread, 920 with sixteen
_ASIS = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
_EDGES = re.compile(r"^ | $")
_METADATA_OCTETS = 400
_ROOM = {"folder": 1_000}  # S3 allows 2 kB for all metadata of an object; rows are made again of this one
_META = "x-amz-meta-"
_SMALL = 1 << 20  # larger objects gain nothing from company
_GROUP_OCTETS = 4 << 20  # a few requests for a batch, so that they go in parallel
_GROUPS_AT_ONCE = 4  # bounds the memory of their copies
_GROUP_KEY = ".mailweir-group.tar"
_PROBE = ".mailweir-probe-"
_LARGEST = 64 << 20
_TYPE = re.compile(r"[!-~]{1,100}(?: [!-~]{1,100})?")  # what each store takes as a header, and signs as it is sent
_BEHIND_THE_END = "InvalidRange"


def connect(endpoint: str, access_key: str, secret_key: str) -> Minio:
    """A client with its own pool: connections for every thread, 30 s to answer, three more tries within seconds.

    Longer a service waits where its health tells of it: MinIO asks for a minute each time when it is busy or starts.
    """
    address = urlparse(endpoint)
    pool = Connections(
        maxsize=_PUTS_AT_ONCE + 4,
        timeout=urllib3.Timeout(connect=5, read=30),
        retries=urllib3.Retry(
            total=3, backoff_factor=0.2, status_forcelist=[429, 500, 502, 503, 504], respect_retry_after_header=False
        ),
    )
    return Minio(address.netloc, access_key, secret_key, secure=address.scheme == "https", http_client=pool)


class S3Store:
    """An ``ObjectStore`` in one bucket."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self.bucket = bucket
        self._client = client
        self._taken_apart: bool | None = None
        self._keeps_versions: bool | None = None
        self._groups_at_once = BoundedSemaphore(_GROUPS_AT_ONCE)
        self._files_at_once = BoundedSemaphore(_FILES_AT_ONCE)
        self._threads = ThreadPoolExecutor(_PUTS_AT_ONCE, thread_name_prefix="s3")

    def ensure_bucket(self) -> bool:
        """Create the bucket unless it is there; True when it was created."""
        with world():
            if self._client.bucket_exists(self.bucket):
                return False
            self._client.make_bucket(self.bucket)
            return True

    def check(self) -> None:
        """See that the bucket is there, as far as these keys may ask. Raises Unavailable."""
        with world():
            try:
                there = self._client.bucket_exists(self.bucket)
            except S3Error as error:
                if error.code != REFUSED:
                    raise
                return
        if not there:
            raise Unavailable(f"the object store has no bucket {self.bucket}: {ADVICE['NoSuchBucket']}")

    def put(self, new: NewObject) -> None:
        """Write one object in one request."""
        if not self._holds_new(new):
            self._put(new)

    def _put(self, new: NewObject) -> None:
        with world():
            data, size = BytesIO(new.data), len(new.data)
            self._client.put_object(
                self.bucket, plain(new.key), data, size, _type(new.content_type), _headers(new.metadata)
            )

    def put_many(self, news: list[NewObject]) -> None:
        """Write objects, where the store can in few requests, else from several threads; all are durable on return."""
        news = self._lacking(news)
        small = [new for new in news if len(new.data) <= _SMALL and plain(new.key)]
        groups = list(_groups(small)) if len(small) > 1 and self._takes_groups() else []
        grouped = {new.key for group in groups for new in group}
        alone = [new for new in news if new.key not in grouped]
        jobs = [self._threads.submit(self._put_group, group) for group in groups]
        jobs += [self._threads.submit(self._put, new) for new in alone]
        for job in jobs:
            job.result()

    def _lacking(self, news: list[NewObject]) -> list[NewObject]:
        """Those to write: all, unless the bucket keeps versions."""
        if not self._versioned():
            return news
        return [new for new, held in zip(news, self._threads.map(self._holds_new, news), strict=True) if not held]

    def _holds_new(self, new: NewObject) -> bool:
        return self._holds(new.key, BytesIO(new.data), len(new.data))

    def _holds(self, key: str, source: BinaryIO, size: int) -> bool:
        """Whether that would only be one version more of what is there."""
        return self._versioned() and s3_versions.holds(self._client, self.bucket, plain(key), source, size, _PART)

    def _versioned(self) -> bool:
        if self._keeps_versions is None:
            self._keeps_versions = s3_versions.keeps_versions(self._client, self.bucket)
        return self._keeps_versions

    def _put_group(self, group: list[NewObject]) -> None:
        with self._groups_at_once, world():
            self._send(group)

    def _send(self, group: list[NewObject]) -> None:
        described = [(new, {"Content-Type": _type(new.content_type), **_amz(new.metadata)}) for new in group]
        stream = packed(described)
        size = stream.getbuffer().nbytes
        self._client.put_object(self.bucket, _GROUP_KEY, stream, size, metadata=AUTO_EXTRACT, part_size=_LARGEST)  # type: ignore[arg-type]

    def _takes_groups(self) -> bool:
        """Whether the store takes a group apart: told by an object that was not there before, without mail."""
        if self._taken_apart is None:
            probe = NewObject(f"{_PROBE}{token_hex(8)}", b"", "text/plain")
            with world():
                try:
                    self._send([probe])
                except S3Error as error:
                    if error.code == REFUSED:  # keys for some names only; if for none, the objects themselves tell
                        return False
                    raise
            self._taken_apart = s3_versions.withdraw(self._client, self.bucket, probe.key)
            if not self._taken_apart:
                s3_versions.withdraw(self._client, self.bucket, _GROUP_KEY)
        return self._taken_apart

    def put_file(self, key: str, source: BinaryIO, size: int, content_type: str, metadata: Mapping[str, str]) -> None:
        """Write one object from a real file in parts; a failed multipart upload is aborted by the client."""
        if self._holds(key, source, size):
            return
        with self._files_at_once, world():
            kind, headers = _type(content_type), _headers(metadata)
            self._client.put_object(
                self.bucket, plain(key), source, size, kind, headers, part_size=_PART, num_parallel_uploads=1
            )

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object or a range of it. Raises ``KeyError`` when there is none."""
        if length == 0:
            return b""
        with world(key):
            try:
                response = self._client.get_object(self.bucket, plain(key), offset=offset, length=length or 0)
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
            with world(key):
                found = self._client.stat_object(self.bucket, plain(key))
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
        with world():
            for found in self._client.list_objects(self.bucket, prefix=prefix, recursive=True):
                yield found.object_name or "", found.size or 0

    def delete(self, keys: list[str]) -> None:
        """Remove objects; absent ones are passed over."""
        with world():
            s3_erasing.remove(self._client, self.bucket, [(key, None) for key in keys])

    def erase(self, prefix: str) -> int:
        """Remove all objects below a prefix, with all versions that the bucket keeps; how many there were.

        Parts of uploads that were killed go, too, as far as these keys may ask for them.
        Raises ConfigurationError when these keys may not know whether there are versions: nothing was removed.
        """
        with world():
            return s3_erasing.erase(self._client, self.bucket, prefix)


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
    return {f"X-Amz-Meta-{name.title()}": text for name, text in _headers(metadata).items()}


def _headers(metadata: Mapping[str, str]) -> Any:
    """User metadata must be ASCII on the wire; other characters are percent-encoded, as browsers show them."""
    return {name: _quoted(text, _ROOM.get(name, _METADATA_OCTETS)) for name, text in metadata.items()}


def _quoted(text: str, most: int) -> str:
    """At most so many octets. Spaces around a header's value get lost."""
    while len(done := _EDGES.sub("%20", quote(text, safe=_ASIS, errors="replace"))) > most:
        text = text[: len(text) * 3 // 4]
    return done
