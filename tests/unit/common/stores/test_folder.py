"""The folder of objects when the disk does not take a file."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from services.common.errors import Unavailable
from services.common.objects import NewObject
from services.common.stores.attribute import describe
from services.common.stores.folder import FolderStore
from tests.fakes.full_disk import no_file_larger_than


def test_a_group_that_fails_leaves_nothing_and_comes_whole_later(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    news = [NewObject(f"work/{number}", b"x" * 50_000 * number, "text/plain") for number in range(1, 4)]
    with no_file_larger_than(100_000), pytest.raises(Unavailable, match="object folder"):
        store.put_many(news)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    store.put_many(news)
    assert list(store.keys("work/")) == ["work/1", "work/2", "work/3"]


def test_a_large_file_that_does_not_fit_leaves_nothing_and_comes_whole_later(tmp_path: Path) -> None:
    store, data = FolderStore(tmp_path), b"x" * 3_000_000
    with no_file_larger_than(2_000_000), pytest.raises(Unavailable, match="object folder"):
        store.put_file("work/1", BytesIO(data), len(data), "text/plain", {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    store.put_file("work/1", BytesIO(data), len(data), "text/plain", {})
    assert store.read("work/1") == data


def test_a_folder_that_cannot_be_made_is_told_before_the_first_object(tmp_path: Path) -> None:
    FolderStore(tmp_path / "new").check()
    assert (tmp_path / "new" / "mailweir").is_dir()
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(Unavailable, match="the object folder cannot be used: Not a directory"):
        FolderStore(tmp_path / "taken").check()


def test_a_source_that_ends_early_is_not_stored(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with pytest.raises(Unavailable, match="ended early"):
        store.put_file("work/1", BytesIO(b"x"), 2, "text/plain", {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_files_that_no_key_could_name_are_erased_too(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(NewObject("work/1", b"x", "text/plain"))
    top = tmp_path / "mailweir" / "work"
    deep = top / "/".join(["d" * 200] * 6)
    deep.mkdir(parents=True)
    for name in (os.fsencode(top / "x") + b"\xff\n", os.fsencode(deep / "y")):
        Path(os.fsdecode(name)).write_bytes(b"x")
    assert store.erase("work/") == 3
    assert not top.exists()


def test_folders_that_a_killed_erasing_left_empty_are_erased_and_none_of_a_neighbour(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    hashes = [tmp_path / "mailweir" / account / "attachments" / ("a" * 64) for account in ("work", "work2")]
    for folder in hashes:
        folder.mkdir(parents=True)
    store.put(NewObject("work/messages/undated/x.eml", b"x", "message/rfc822"))
    assert store.erase("work/") == 1
    assert not (tmp_path / "mailweir" / "work").exists()
    assert hashes[1].is_dir()
    store.put(NewObject("work/messages/undated/x.eml", b"x", "message/rfc822"))
    assert list(store.keys("work/")) == ["work/messages/undated/x.eml"]


def test_what_a_link_names_is_neither_listed_nor_erased(tmp_path: Path) -> None:
    store, elsewhere = FolderStore(tmp_path), tmp_path / "elsewhere"
    store.put(NewObject("work/1", b"x", "text/plain"))
    elsewhere.mkdir()
    (elsewhere / "2").write_bytes(b"x")
    (tmp_path / "mailweir" / "work" / "link").symlink_to(elsewhere)
    assert list(store.keys("")) == ["work/1"]
    assert store.erase("work/") == 1
    assert (elsewhere / "2").exists()


@pytest.mark.parametrize("prefix", ["../", "../../", "work/../../", "../full/", "../empty/"])
def test_nothing_beside_the_objects_is_listed_or_erased(tmp_path: Path, prefix: str) -> None:
    store = FolderStore(tmp_path / "objects")
    store.put(NewObject("work/1", b"x", "text/plain"))
    for beside in (tmp_path / "empty", tmp_path / "objects" / "empty", tmp_path / "objects" / "full"):
        beside.mkdir()
    (tmp_path / "objects" / "full" / "2").write_bytes(b"x")
    before = sorted(tmp_path.rglob("*"))
    assert list(store.keys(prefix)) == []
    assert store.erase(prefix) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_not_whole_yet_is_not_listed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    seen: list[list[str]] = []

    class Source(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            seen.append([*store.keys(""), *store.keys("work/")])
            return super().read(size)

    store.put_file("work/1", Source(b"x"), 1, "text/plain", {})
    assert seen == [[], []]
    assert list(store.keys("")) == ["work/1"]


def test_damage_of_the_same_length_is_mended_by_the_next_put(tmp_path: Path) -> None:
    store, new = FolderStore(tmp_path), NewObject("work/1", b"whole", "text/plain")
    store.put(new)
    (tmp_path / "mailweir" / "work" / "1").write_bytes(b"wrong")
    store.put(new)
    assert store.read("work/1") == b"whole"


def test_no_file_stays_open_and_no_empty_folder_stays(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    keys = [f"work/{number}/x" for number in range(5)]
    store.put_many([NewObject(key, b"x", "text/plain") for key in keys])
    store.put_file("work/9/x", BytesIO(b"x"), 1, "text/plain", {})
    opened = {each.resolve() for each in Path("/proc/self/fd").iterdir()}
    assert not [path for path in tmp_path.rglob("x") if path in opened]
    store.delete([*keys, "work/9/x", "work/none"])
    assert not (tmp_path / "mailweir" / "work").exists()


def test_a_folder_that_cannot_be_listed_is_not_taken_for_empty(tmp_path: Path) -> None:
    store, user = FolderStore(tmp_path), os.geteuid()
    store.put(NewObject("work/messages/1", b"x", "text/plain"))
    folder = tmp_path / "mailweir" / "work" / "messages"
    folder.chmod(0)
    try:
        os.seteuid(user or 65_534)  # the rights of a file mean nothing to root
        looks: list[Callable[[], object]] = [
            lambda: list(store.keys("")),
            lambda: list(store.sizes("work/")),
            lambda: store.erase("work/"),
            lambda: store.stat("work/messages/1"),
            lambda: store.read("work/messages/1"),
        ]
        for look in looks:
            with pytest.raises(Unavailable, match="object folder"):
                look()
    finally:
        os.seteuid(user)
        folder.chmod(0o700)
    assert list(store.keys("work/")) == ["work/messages/1"]


PLACE = {"place": f"{'a' * 63}/{'0' * 16}/4294967295/4294967295", "internaldate": "2026-11-21T18:30:00+08:00"}
LONG = {"folder": "合" * 1700, "subject": "\x01" * 900, "from": '"' * 5000}


@pytest.mark.parametrize("times", [1, 20], ids=["5 kB, too much for ext4", "100 kB, too much for any"])
def test_an_object_with_too_much_to_say_is_stored_and_says_less(tmp_path: Path, times: int) -> None:
    store = FolderStore(tmp_path)
    said = PLACE | {name: text * times for name, text in LONG.items()}
    store.put(NewObject("work/1", b"x", "text/plain", said))
    found = store.stat("work/1")
    assert found is not None
    assert (found.content_type, found.metadata | PLACE) == ("text/plain", found.metadata)
    for name, text in LONG.items():
        assert found.metadata[name]
        assert (text * times).startswith(found.metadata[name])


def test_what_is_no_text_is_described_as_far_as_it_can_be(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(NewObject("work/1", b"x", "text/plain", {"folder": "a\ud800\x01\u2028水"}))
    found = store.stat("work/1")
    assert found is not None
    assert found.metadata == {"folder": "a?\x01\u2028水"}


def test_only_a_place_without_attributes_leaves_an_object_undescribed(tmp_path: Path) -> None:
    with Path("/proc/self/comm").open("rb") as without:
        describe(without.fileno(), "text/plain", PLACE)
    closed = os.open(tmp_path, os.O_RDONLY)
    os.close(closed)
    with pytest.raises(OSError, match="descriptor"):
        describe(closed, "text/plain", PLACE)
