"""A MinIO that takes all octets and does not answer: told long before all tries of a request are over."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlparse

import pytest

from services.common.health import Health
from services.common.objects import NewObject
from services.common.runtime import process
from services.common.stores.s3 import S3Store, connect
from tests.fakes.one_way import Between, between
from tests.integration.stores.conftest import Minio
from tests.polling import until

KEY = "work/silent"


@pytest.fixture
def gate(minio: Minio) -> Iterator[Between]:
    host = urlparse(minio.components.s3_endpoint)
    with between((str(host.hostname), int(host.port or 0))) as made:
        yield made


def put(store: S3Store) -> object:
    return store.put_many([NewObject(KEY, b"again", "text/plain"), NewObject(KEY + "2", b"x", "text/plain")])


def read(store: S3Store) -> object:
    return store.read(KEY)


def listed(store: S3Store) -> object:
    return list(store.keys("work/"))


@pytest.mark.parametrize("call", [put, read, S3Store.check, listed])
@pytest.mark.parametrize("way", ["asks", "answers"])
def test_health_is_red_while_a_request_waits_and_green_when_it_was_answered(
    minio: Minio, gate: Between, call: Callable[[S3Store], object], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SILENCE", 0.3)
    store = S3Store(connect(f"http://127.0.0.1:{gate.port}", *minio.components.s3_keys), "mailweir")
    store.put(NewObject(KEY, b"there", "text/plain"))
    health = Health("attachments")

    def state() -> str:
        process.look_at_calls(health)
        return health.state

    assert state() == "green"
    getattr(gate, way).clear()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(call, store)
        until(lambda: state() == "red")
        assert health.reason == "the object store has not answered a call for 0 s"
        gate.heal()
        waiting.result(20)
    assert state() == "green"
