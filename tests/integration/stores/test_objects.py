"""One suite for both object stores: a folder and a real MinIO."""

import hashlib
import io
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from services.common.errors import Unavailable
from services.common.objects import NewObject, ObjectStore, attachment_key, has_hash, message_key
from services.common.stores.folder import FolderStore
from services.common.stores.s3 import S3Store
from tests.integration.stores.conftest import Minio

PLACE = {"place": "work/f1/1/2", "folder": "  合同/2026 ", "subject": 'A \\ "quoted" ✓ & more'}


def new(number: int, size: int = 2000) -> NewObject:
    data = number.to_bytes(4, "big") * (size // 4)
    return NewObject(message_key("work", "2026/11/20", f"{number:064x}"), data, "message/rfc822", PLACE)


def test_what_is_put_is_read_back_with_type_and_metadata(store: ObjectStore) -> None:
    key = attachment_key("work", "a" * 64, "合同 final (1).pdf")
    store.put(NewObject(key, b"%PDF-1", "application/pdf", {**PLACE, "part": "2"}))
    found = store.stat(key)
    assert found is not None
    assert (found.size, found.content_type, dict(found.metadata)) == (6, "application/pdf", {**PLACE, "part": "2"})
    assert store.read(key) == b"%PDF-1"


def test_many_are_all_there_with_their_metadata(store: ObjectStore) -> None:
    news = [new(number) for number in range(60)] + [new(99, 3 << 20), NewObject("work/empty", b"", "text/plain", {})]
    store.put_many(news)
    store.put_many(news[:10])
    assert sorted(store.keys("work/")) == sorted(each.key for each in news)
    for each in (news[0], news[59], news[60], news[61]):
        found = store.stat(each.key)
        assert found is not None
        assert (found.content_type, dict(found.metadata)) == (each.content_type, dict(each.metadata))
        assert store.read(each.key) == each.data


def test_ranges_and_absence(store: ObjectStore) -> None:
    store.put(NewObject("work/x", bytes(range(256)), "text/plain", {}))
    assert store.read("work/x", 10, 5) == bytes(range(10, 15))
    assert store.read("work/x", 250, 100) == bytes(range(250, 256))
    assert store.read("work/x", 250) == bytes(range(250, 256))
    assert store.read("work/x", 3, 0) == b""
    for offset in (256, 10_000, 2**62):
        assert store.read("work/x", offset, 5) == b""
    for absent in ("work/none", "work/x/y", "work", "none/x"):
        assert store.stat(absent) is None
        with pytest.raises(KeyError):
            store.read(absent)


@pytest.mark.parametrize("size", [0, 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20])
def test_the_hash_of_an_object_of_any_size_is_told(store: ObjectStore, size: int) -> None:
    data = bytes(size)
    store.put(NewObject("work/x", data, "a/b", {}))
    assert has_hash(store, "work/x", hashlib.sha256(data).hexdigest())
    assert not has_hash(store, "work/x", hashlib.sha256(data + b"1").hexdigest())
    with pytest.raises(KeyError):
        has_hash(store, "work/none", "0" * 64)


def test_a_file_goes_in_parts(store: ObjectStore) -> None:
    data = b"0123456789abcdef" * (1 << 20)
    store.put_file("work/big", io.BytesIO(data), len(data), "application/zip", PLACE)
    found = store.stat("work/big")
    assert found is not None
    assert (found.size, found.content_type, found.metadata["place"]) == (len(data), "application/zip", "work/f1/1/2")
    assert store.read("work/big", len(data) - 3, 3) == data[-3:]


def test_keys_are_in_order_below_a_prefix_and_go_away(store: ObjectStore) -> None:
    for key in ("a/x/1", "a/x/2", "a/y/1", "ab/1"):
        store.put(NewObject(key, b"1", "text/plain", {}))
    assert list(store.keys("a/")) == ["a/x/1", "a/x/2", "a/y/1"]
    assert list(store.keys("a/x/")) == ["a/x/1", "a/x/2"]
    assert list(store.keys("none/")) == []
    store.delete(["a/x/1", "a/x/2", "a/none"])
    assert list(store.keys("")) == ["a/y/1", "ab/1"]


@pytest.mark.parametrize(
    "sent",
    ["тип/файл", "a/é", "a/" + "x" * 9_000, "a/b\r\nX-Evil: 1", "a/b\n", "a  b", " a/b", "\x00", "", "\ud800"],
    ids=ascii,
)
def test_an_object_is_stored_whatever_type_its_sender_names(store: ObjectStore, sent: str) -> None:
    meta = {"filename": "a\ud800b\r\n\x00字"}
    store.put(NewObject("work/alone", b"1", sent, meta))
    store.put_file("work/file", io.BytesIO(b"1"), 1, sent, meta)
    store.put_many([NewObject("work/one", b"1", sent, meta), NewObject("work/two", b"1", "a/b", meta)])
    for key in ("work/alone", "work/file", "work/one", "work/two"):
        assert store.read(key) == b"1"
    found = store.stat("work/two")
    assert found is not None
    assert (found.content_type, found.metadata["filename"]) == ("a/b", "a?b\r\n\x00字")


def test_objects_whose_names_xml_cannot_hold_go_away(store: ObjectStore) -> None:
    keys = ["work/a\ufffe.pdf", "work/b\uffff", "work/c\x01", "work/d"]
    store.put_many([NewObject(key, b"1", "a/b", {}) for key in keys])
    assert sorted(store.keys("work/")) == sorted(keys)
    store.delete(keys)
    assert list(store.keys("")) == []


def test_what_is_erased_is_gone_for_good_and_its_neighbours_stay(store: ObjectStore) -> None:
    store.put_many([NewObject(f"work/{number}", b"1", "a/b", {}) for number in range(1_100)])
    store.put_many([NewObject(key, b"1", "a/b", {}) for key in ("work2/x", "work.old/x", "wor/x")])
    assert (store.erase("work/"), store.erase("work/")) == (1_100, 0)
    assert sorted(store.keys("")) == ["wor/x", "work.old/x", "work2/x"]


def test_no_version_of_what_is_erased_stays(minio: Minio) -> None:
    client, kept = minio.store._client, S3Store(minio.store._client, "kept")
    kept.ensure_bucket()
    client.set_bucket_versioning("kept", VersioningConfig(ENABLED))
    for data in (b"1", b"2"):
        kept.put(NewObject("work/a", data, "a/b", {}))
        kept.put(NewObject("work/\ufffe", data, "a/b", {}))
        kept.put(NewObject("home/a", data, "a/b", {}))
    kept.delete(["work/a"])
    assert kept.erase("work/") == 4
    left = client.list_objects("kept", recursive=True, include_version=True)
    assert [each.object_name for each in left] == ["home/a", "home/a"]


@pytest.mark.parametrize(
    "key", ["../x", "a/../../x", "a//b", "/a", "a/./b", "a\x00b", "a/ ..", "a\\..\\b", "a/" + "b" * 256, ""]
)
def test_what_no_store_takes_as_a_key_is_a_bug_not_a_store_to_wait_for(store: ObjectStore, key: str) -> None:
    new, neighbour = NewObject(key, b"x", "text/plain", {}), NewObject("a/x", b"x", "text/plain", {})
    calls: list[Callable[[], object]] = [
        lambda: store.put(new),
        lambda: store.put_many([neighbour, new]),
        lambda: store.put_file(key, io.BytesIO(b"x"), 1, "text/plain", {}),
        lambda: store.read(key),
        lambda: store.stat(key),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="plain path segments"):
            call()
    assert list(store.keys("")) == []


@pytest.mark.parametrize("key", ["../x", "a/../../x", "a//b", "/a", "a/./b", "a\x00b"])
def test_a_prefix_never_leaves_the_folder(tmp_path: Path, key: str) -> None:
    for prefix in (key, f"{key}/", "/", "//", "..", "../", "../../"):
        assert list(FolderStore(tmp_path).keys(prefix)) == []


def test_an_account_that_another_process_erased_may_come_back(tmp_path: Path) -> None:
    """A store that goes on knows folders that are no more."""
    watching, erasing = FolderStore(tmp_path), FolderStore(tmp_path)
    puts: list[Callable[[], None]] = [
        lambda: watching.put_many([new(1), new(2)]),
        lambda: watching.put_file(new(1).key, io.BytesIO(new(1).data), 2000, "message/rfc822", PLACE),
    ]
    for first, then in itertools.product(puts, puts):
        first()
        assert erasing.erase("work/") > 0
        then()
        assert watching.read(new(1).key) == new(1).data


def test_a_short_source_is_never_visible(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with pytest.raises(Unavailable):
        store.put_file("work/x", io.BytesIO(b"abc"), 10, "text/plain", {})
    assert store.stat("work/x") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_dead_minio_is_unavailable_and_comes_back(minio: "object") -> None:
    store: S3Store = minio.store  # type: ignore[attr-defined]
    components = minio.components  # type: ignore[attr-defined]
    components.kill("minio")
    calls: list[Callable[[], object]] = [
        lambda: store.put(new(1)),
        lambda: store.put_many([new(1), new(2)]),
        lambda: store.read("work/x"),
        lambda: store.stat("work/x"),
        lambda: list(store.keys("")),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            call()
    components.start("minio")
    store.put_many([new(1), new(2)])
    assert store.stat(new(2).key) is not None


def test_a_long_name_of_a_folder_is_whole_beside_all_else_that_is_said(store: ObjectStore) -> None:
    said = {
        "place": "/".join(("a" * 64, "f" * 16, "4294967295", "4294967295")),
        "folder": "合同与发票归档" * 15,
        "internaldate": "2026-11-20T09:12:04.123456+00:00",
        "subject": "题" * 200,
        "from": "发" * 200,
    }
    several = [NewObject(f"work/several/{number}", b"%d" % number, "message/rfc822", said) for number in range(3)]
    store.put(NewObject("work/one", b"x", "message/rfc822", said))
    store.put_many(several)
    for key in ("work/one", *(each.key for each in several)):
        found = store.stat(key)
        assert found is not None
        assert {name: found.metadata[name] for name in ("place", "folder", "internaldate")} == {
            name: said[name] for name in ("place", "folder", "internaldate")
        }
