"""The folder of objects when the disk does not take a file."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from services.common.errors import Unavailable
from services.common.objects import NewObject
from services.common.objects_folder import FolderStore


@contextmanager
def no_file_larger_than(octets: int) -> Iterator[None]:
    """The system refuses longer files to this process, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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


def test_a_source_that_ends_early_is_not_stored(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with pytest.raises(Unavailable, match="ended early"):
        store.put_file("work/1", BytesIO(b"x"), 2, "text/plain", {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
