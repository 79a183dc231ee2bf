"""A MinIO that takes no more requests, and says to come back in a minute."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlparse

import pytest
from minio import MinioAdmin
from minio.credentials import StaticProvider

from services.common.errors import Unavailable
from services.common.objects import NewObject
from tests.integration.stores.conftest import Minio

NEWS = [NewObject(f"work/{number}", b"x", "a/b") for number in range(3)]


@contextmanager
def taking_one_request(minio: Minio) -> Iterator[None]:
    """While the block runs MinIO works on one request, and on one that does not end."""
    host, keys = urlparse(minio.components.s3_endpoint), StaticProvider(*minio.components.s3_keys)
    admin = MinioAdmin(endpoint=host.netloc, credentials=keys, secure=False)
    url = minio.store._client.get_presigned_url("PUT", "mailweir", "slow")
    admin.config_set("api", {"requests_max": "1"})
    try:
        with socket.create_connection((host.hostname, host.port)) as slow:
            slow.sendall(f"PUT {url.partition(host.netloc)[2]} HTTP/1.1\r\nHost: {host.netloc}\r\n".encode())
            slow.sendall(b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
            slow.settimeout(20)
            assert slow.recv(100).startswith(b"HTTP/1.1 100 ")  # it waits for the content now
            slow.sendall(b"beginning")
            yield
    finally:
        admin.config_reset("api")


def test_a_busy_store_is_told_within_seconds_and_used_when_it_is_free(minio: Minio) -> None:
    """Whoever waits in silence for a minute, three times, is not red meanwhile, and cannot be stopped."""
    minio.store.put_many(NEWS)
    with taking_one_request(minio):
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=r"too many (429|503) error responses"):
            minio.store.put_many(NEWS)
        assert time.monotonic() - begun < 20
    minio.store.put_many(NEWS)
    assert minio.store.read("work/2") == b"x"
