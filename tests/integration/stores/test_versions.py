"""Buckets that keep versions: what is erased leaves none behind, and what is filed again makes none."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import pytest
from minio.commonconfig import ENABLED, GOVERNANCE
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.versioningconfig import OFF, SUSPENDED, VersioningConfig

from services.common.errors import ConfigurationError, Unavailable
from services.common.objects import NewObject
from services.common.stores import s3
from services.common.stores.s3 import S3Store
from tests.integration.stores.conftest import Minio

FEW = ("s3:GetBucketLocation", "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
KINDS = (OFF, ENABLED, SUSPENDED)


def restricted(minio: Minio, user: str, actions: Sequence[str], kind: str) -> S3Store:
    """A bucket of that kind with two versions of an object, by keys that may do no more than ``actions``."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": ["arn:aws:s3:::*"]}
    client = minio.keys(user, statement)
    bucket = f"{user}-{kind.lower()}"
    mighty = S3Store(minio.store._client, bucket)
    mighty.ensure_bucket()
    if kind != OFF:
        minio.store._client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    for data in (b"1", b"2"):
        mighty.put(NewObject("work/a", data, "a/b", {}))
    if kind == SUSPENDED:
        minio.store._client.set_bucket_versioning(bucket, VersioningConfig(SUSPENDED))
    return S3Store(client, bucket)


def left(minio: Minio, store: S3Store) -> int:
    return len(list(minio.store._client.list_objects(store.bucket, recursive=True, include_version=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_versions_are_found_by_keys_that_may_not_ask_whether_there_are_any(minio: Minio, kind: str) -> None:
    store = restricted(minio, "modest", FEW, kind)
    assert store.erase("work/") == (1 if kind == OFF else 2)
    assert left(minio, store) == 0


def test_nothing_is_erased_where_nobody_can_tell_whether_versions_would_stay(minio: Minio) -> None:
    """To MinIO a list with versions is the same right as one without."""
    store = restricted(minio, "blind", [action for action in FEW if action != "s3:ListBucket"], ENABLED)
    with pytest.raises(ConfigurationError, match=r"s3:ListBucketVersions.*no object was erased"):
        store.erase("work/")
    assert left(minio, store) == 2


def test_keys_that_may_not_delete_are_told_what_they_lack(minio: Minio) -> None:
    store = restricted(minio, "reader", [*FEW[:-1], "s3:GetBucketVersioning"], OFF)
    with pytest.raises(
        Unavailable, match=r"1 objects could not be removed \(AccessDenied\): let the user of these keys"
    ):
        store.erase("work/")


def test_parts_of_uploads_that_were_killed_are_erased_and_those_of_a_neighbour_stay(minio: Minio) -> None:
    """Nobody ends them: MinIO keeps them for a day, other stores for ever."""
    store, client = S3Store(minio.store._client, "parts"), minio.store._client
    store.ensure_bucket()
    for key in ("work/attachments/0/a.zip", "work/b\ufffe", "work2/c"):
        client._upload_part("parts", key, b"x", None, client._create_multipart_upload("parts", key, {}), 1)
    assert store.erase("work/") == 0
    assert [each.object_name for each in client._list_multipart_uploads("parts").uploads] == ["work2/c"]


def test_keys_that_may_not_ask_for_uploads_erase_what_they_may(minio: Minio) -> None:
    store, client = restricted(minio, "modest", FEW, OFF), minio.store._client
    client._create_multipart_upload(store.bucket, "work/b", {})
    assert store.erase("work/") == 1


def kept(minio: Minio, bucket: str) -> S3Store:
    """A store as after a start of its process, on a bucket that keeps versions."""
    store = S3Store(minio.store._client, bucket)
    if store.ensure_bucket():
        minio.store._client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    return store


def test_a_start_leaves_no_version_of_what_it_only_tried(minio: Minio) -> None:
    news = [NewObject(f"work/{number}", b"%d" % number, "a/b") for number in range(2)]
    kept(minio, "tried").put_many(news)
    assert left(minio, kept(minio, "tried")) == len(news)


def test_a_start_leaves_nothing_of_a_group_that_was_not_taken_apart(
    minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "AUTO_EXTRACT", {"X-Amz-Meta-Unknown-To-It": "true"})
    news = [NewObject(f"work/{number}", b"%d" % number, "a/b") for number in range(2)]
    kept(minio, "tried-whole").put_many(news)
    assert left(minio, kept(minio, "tried-whole")) == len(news)


def test_what_is_filed_again_is_no_version_more(minio: Minio) -> None:
    """A message that was moved to another folder is filed again, and so is all that a reparse goes through."""
    large = bytes(range(256)) * (45 << 10)  # three parts
    news = [NewObject(f"work/{number}", b"%d" % number, "a/b", {"part": "1"}) for number in range(3)]
    for folder in ("INBOX", "Archive"):
        store = kept(minio, "again")
        store.put_many([replace(new, metadata={"folder": folder}) for new in news])
        store.put(NewObject("work/alone", large, "a/b"))
        store.put_file("work/file", BytesIO(large), len(large), "a/b", {"folder": folder})
    assert left(minio, store) == len(news) + 2
    assert store.read("work/file") == store.read("work/alone") == large


def test_what_was_damaged_or_deleted_is_whole_again(minio: Minio) -> None:
    store, client = kept(minio, "damaged"), minio.store._client
    news = [NewObject(f"work/{number}", b"whole", "a/b") for number in range(3)]
    store.put_many(news)
    for key in ("work/0", "work/file"):
        client.put_object("damaged", key, BytesIO(b"other"), 5)
    store.delete(["work/1"])
    store.put_many(news)
    store.put_file("work/file", BytesIO(b"whole"), 5, "a/b", {})
    assert {store.read(key) for key in store.keys("")} == {b"whole"}
    assert len(list(store.keys(""))) == len(news) + 1


def test_a_lock_of_the_bucket_is_named_when_it_keeps_what_is_erased(minio: Minio) -> None:
    minio.store._client.make_bucket("locked", object_lock=True)
    minio.store._client.set_object_lock_config("locked", ObjectLockConfig(GOVERNANCE, 1, DAYS))
    store = S3Store(minio.store._client, "locked")
    store.put_many([NewObject(f"work/{number}", b"%d" % number, "a/b") for number in range(2)])
    with pytest.raises(Unavailable, match=r"2 objects could not be removed .*\(object lock\); try again when"):
        store.erase("work/")
