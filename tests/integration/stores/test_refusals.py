"""What is half-wrong about an object store, told with the next step and no secret, address of mail or stack trace."""

import socket
from contextlib import ExitStack

import pytest
import urllib3
from minio.error import S3Error

from services.common.errors import Unavailable
from services.common.objects import NewObject
from services.common.stores import s3_refusals
from services.common.stores.s3 import S3Store, connect
from tests.integration.stores.conftest import Minio

KEY = "work/messages/undated/canary.eml"


def told(store: S3Store) -> str:
    """What both the look at the start and the first object say."""
    texts = set()
    for act in (store.check, lambda: store.put(NewObject(KEY, b"x", "message/rfc822", {}))):
        with pytest.raises(Unavailable) as caught:
            act()
        texts.add(str(caught.value))
    assert "canary" not in "".join(texts)
    return " ".join(texts)


def test_the_right_one_is_well(minio: Minio) -> None:
    minio.store.check()


def test_a_wrong_secret_key(minio: Minio) -> None:
    access, _ = minio.components.s3_keys
    text = told(S3Store(connect(minio.components.s3_endpoint, access, "canary-key"), "mailweir"))
    assert "SignatureDoesNotMatch" in text
    assert "MAILWEIR_S3_SECRET_KEY" in text


def test_an_unknown_access_key(minio: Minio) -> None:
    text = told(S3Store(connect(minio.components.s3_endpoint, "nobody", "canary-key"), "mailweir"))
    assert "InvalidAccessKeyId" in text
    assert "MAILWEIR_S3_ACCESS_KEY" in text


def test_a_bucket_that_is_not_there(minio: Minio) -> None:
    text = told(S3Store(connect(minio.components.s3_endpoint, *minio.components.s3_keys), "no-such-bucket"))
    assert "MAILWEIR_S3_BUCKET" in text
    assert "infra.minio.bucket" in text


def test_https_where_http_is_spoken(minio: Minio) -> None:
    endpoint = minio.components.s3_endpoint
    text = told(S3Store(connect(endpoint.replace("http:", "https:"), *minio.components.s3_keys), "mailweir"))
    assert f"{endpoint.removeprefix('http://')}: [SSL" in text


def test_the_port_of_the_pages(minio: Minio) -> None:
    text = told(S3Store(connect(minio.components.s3_console, *minio.components.s3_keys), "mailweir"))
    assert "port of its pages" in text


def test_nobody_there(minio: Minio) -> None:
    text = told(S3Store(connect("http://127.0.0.1:1", *minio.components.s3_keys), "mailweir"))
    assert "127.0.0.1:1: Failed to establish a new connection: [Errno 111] Connection refused" in text


def test_nobody_who_takes_a_connection() -> None:
    with ExitStack() as held:
        full = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        pool = urllib3.PoolManager(timeout=0.2, retries=urllib3.Retry(total=0))
        host, port = full.getsockname()
        with pytest.raises(Unavailable) as caught, s3_refusals.world():
            pool.request("GET", f"http://{host}:{port}/{KEY}")
    reason = "Connection to 127.0.0.1 timed out. (connect timeout=0.2)"
    assert str(caught.value) == f"the object store does not answer ({host}:{port}: {reason}); it is tried again"


def test_clocks_that_differ(minio: Minio) -> None:
    """What MinIO says beyond 15 minutes; no test sets a clock."""
    with pytest.raises(Unavailable, match="its clock and that of this machine differ"), s3_refusals.world():
        raise S3Error(None, "RequestTimeTooSkewed", None, None, None, None)  # type: ignore[arg-type]
