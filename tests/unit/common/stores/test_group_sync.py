"""Groups of files onto the disk: each by itself, or their whole file system."""

import os
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from services.common.errors import Unavailable
from services.common.objects import NewObject
from services.common.stores import group_sync
from services.common.stores.folder import FolderStore
from services.common.stores.group_sync import GroupSync, sync_file_system
from tests.fakes.full_disk import no_file_larger_than


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_the_kind_of_a_file_system_is_what_the_system_says(tmp_path: Path, opened: int) -> None:
    said = subprocess.run(["stat", "-f", "-c", "%t", tmp_path], capture_output=True, text=True, check=True).stdout
    assert group_sync._kind(opened) == int(said, 16)


def test_what_is_no_file_system_on_a_disk_is_never_synced_as_a_whole() -> None:
    with Path("/proc/self/comm").open("rb") as elsewhere:
        assert not group_sync._together([elsewhere.fileno()] * group_sync.MANY)


def test_a_sync_of_a_file_that_is_closed_fails(tmp_path: Path) -> None:
    closed = os.open(tmp_path, os.O_RDONLY)
    sync_file_system(closed)
    os.close(closed)
    for sync in (sync_file_system, lambda file: GroupSync().files([file] * 3)):
        with pytest.raises(OSError, match="descriptor"):
            sync(closed)


@pytest.mark.parametrize("many", [1, 1_000], ids=["as a whole", "each"])
def test_both_ways_store_the_same_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(group_sync, "MANY", many)
    store = FolderStore(tmp_path)
    news = [NewObject(f"work/{n % 5}/{n:03}", b"%d" % n * 1_000, "text/plain") for n in range(300)]
    with no_file_larger_than(2_500), pytest.raises(Unavailable, match="object folder"):
        store.put_many(news)
    store.put_many(news)
    assert {key: store.read(key) for key in store.keys("work/")} == {new.key: new.data for new in news}
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == len(news)


@pytest.mark.parametrize("many", [1, 1_000], ids=["as a whole", "each"])
def test_bytes_are_on_disk_before_they_have_a_name_and_the_name_before_they_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """What a power cut would show, which no test can make: what is synced, and when."""
    done: list[tuple[str, str]] = []

    def noted(module: object, name: str, tells: Callable[..., str]) -> None:
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: [done.append((name, tells(*given))), real(*given)][1])

    for of_one in ("fdatasync", "fsync"):
        noted(os, of_one, lambda descriptor: str(Path(f"/proc/self/fd/{descriptor}").resolve()))
    noted(os, "rename", lambda source, target: f"{source} {target}")
    noted(group_sync, "sync_file_system", lambda _: "")
    monkeypatch.setattr(group_sync, "MANY", many)
    store = FolderStore(tmp_path)
    store.put_many([NewObject(f"work/{number}/x", b"x", "text/plain") for number in range(3)])
    store.put_file("work/3/x", BytesIO(b"x"), 1, "text/plain", {})
    renamed = [(at, *said.split(" ")) for at, (name, said) in enumerate(done) if name == "rename"]
    assert len(renamed) == 4
    for at, unfinished, target in renamed:
        assert {("fdatasync", unfinished), ("sync_file_system", "")} & {*done[:at]}
        assert {("fsync", str(Path(target).parent)), ("sync_file_system", "")} & {*done[at:]}


@pytest.mark.parametrize("fresh", [0, 1, 20])
def test_a_name_that_nobody_may_have_synced_yet_is_on_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: int
) -> None:
    """Of a process that was killed in between, or still runs."""
    there = NewObject("work/there/x", b"x", "text/plain")
    FolderStore(tmp_path).put(there)
    synced: list[str] = []
    real, whole = os.fsync, group_sync.sync_file_system

    def noted(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").resolve()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(group_sync, "sync_file_system", lambda file: (synced.append("all"), whole(file)))
    FolderStore(tmp_path).put_many([there, *(NewObject(f"work/{n}/x", b"x", "text/plain") for n in range(fresh))])
    assert {"all", str(tmp_path / "mailweir" / "work" / "there")} & set(synced)
    synced.clear()
    monkeypatch.setattr("services.common.stores.folder._ON_DISK_AFTER", 0.0)
    FolderStore(tmp_path).put_many([there])
    assert not synced
