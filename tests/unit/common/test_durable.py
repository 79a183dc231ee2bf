"""Files that are there as a whole or not at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.common.durable import create, replace
from tests.fakes.full_disk import no_file_larger_than


@pytest.mark.parametrize("write", [create, replace])
def test_a_full_disk_leaves_no_file_and_no_part_of_one(tmp_path: Path, write: Callable[[Path, str], object]) -> None:
    with no_file_larger_than(0), pytest.raises(OSError, match="File too large"):
        write(tmp_path / "file", "text")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_replaced_stays_when_the_disk_is_full(tmp_path: Path) -> None:
    replace(tmp_path / "file", "before", 0o600)
    with no_file_larger_than(0), pytest.raises(OSError, match="File too large"):
        replace(tmp_path / "file", "after", 0o600)
    assert (tmp_path / "file").read_text() == "before"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_of_those_who_create_a_file_at_once_one_does(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda text: create(tmp_path / "file", str(text)), range(40)))
    assert created.count(True) == 1
    assert (tmp_path / "file").read_text() == str(created.index(True))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
