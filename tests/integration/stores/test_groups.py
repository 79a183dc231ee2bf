"""Groups of small objects, on stores that take them apart and on others."""

import pytest

from services.common.objects import NewObject
from services.common.stores import s3
from services.common.stores.s3 import S3Store
from tests.integration.stores.conftest import Minio

NEWS = [NewObject(f"work/{number}", b"%d" % number, "a/b", {"part": str(number)}) for number in range(5)]


def fresh(minio: Minio, bucket: str) -> S3Store:
    store = S3Store(minio.store._client, bucket)
    store.ensure_bucket()
    return store


def test_a_store_that_keeps_the_group_as_it_is_loses_nothing_of_it(
    minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first object is there already, as after a restart: that it is found says nothing about the others."""
    monkeypatch.setattr(s3, "AUTO_EXTRACT", {"X-Amz-Meta-Unknown-To-It": "true"})
    store = fresh(minio, "keeps-groups")
    store.put(NEWS[0])
    store.put_many(NEWS)
    assert {key: store.read(key) for key in store.keys("")} == {new.key: new.data for new in NEWS}


def test_a_store_that_takes_groups_apart_holds_nothing_else(minio: Minio, monkeypatch: pytest.MonkeyPatch) -> None:
    store = fresh(minio, "takes-groups")
    monkeypatch.setattr(S3Store, "_put", lambda *_: pytest.fail("an object of a group went alone"))
    store.put_many(NEWS)
    assert {key: store.read(key) for key in store.keys("")} == {new.key: new.data for new in NEWS}


def test_keys_that_may_not_write_a_group_write_its_objects(minio: Minio) -> None:
    """A policy may name the accounts below which they write."""
    fresh(minio, "some-names")
    allowed = [
        {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": ["arn:aws:s3:::*"]},
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::some-names/work/*"]},
    ]
    store = S3Store(minio.keys("narrow", *allowed), "some-names")
    store.put_many(NEWS)
    assert sorted(store.keys("work/")) == [new.key for new in NEWS]
