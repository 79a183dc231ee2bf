"""Connections that end in the middle of an answer of MinIO: no answer at all, and never half of one."""

from collections.abc import Callable, Iterator
from urllib.parse import urlparse

import pytest

from services.common.errors import Unavailable
from services.common.objects import NewObject
from services.common.stores.s3 import S3Store, connect
from tests.fakes.one_way import Between, between
from tests.integration.stores.conftest import Minio

KEY = "work/cut"


@pytest.fixture
def gate(minio: Minio) -> Iterator[Between]:
    host = urlparse(minio.components.s3_endpoint)
    with between((str(host.hostname), int(host.port or 0))) as made:
        yield made


def listed(store: S3Store) -> object:
    return list(store.keys("work/"))


def deleted(store: S3Store) -> object:
    return store.delete([KEY + "-absent"])


def read(store: S3Store) -> object:
    return store.read(KEY)


def stat(store: S3Store) -> object:
    return store.stat(KEY)


@pytest.mark.parametrize("call", [read, stat, listed, deleted])
@pytest.mark.parametrize("octets", [0, 5, 17, 30, 75])  # before, in and behind the status, in the first header, later
def test_an_answer_whose_beginning_was_cut_off_is_the_worlds_fault_and_holds_nothing(
    minio: Minio, gate: Between, call: Callable[[S3Store], object], octets: int
) -> None:
    minio.store.put(NewObject(KEY, b"there" * 20, "text/plain", {"folder": "INBOX"}))
    store = S3Store(connect(f"http://127.0.0.1:{gate.port}", *minio.components.s3_keys), "mailweir")
    whole = call(store)
    gate.reset()
    gate.most = octets
    with pytest.raises(Unavailable, match="object store does not answer"):
        call(store)
    gate.most = None
    assert call(store) == whole
