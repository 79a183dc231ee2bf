"""Many files onto the disk at once.

Measured, 100 files of 33 kB: a sync of their whole file system takes half the CPU of a sync of each, with a journal or
without, since each of these writes the same directories again. Other programs' files are written then, too.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ctypes import CDLL, c_long, create_string_buffer, get_errno
from functools import cache
from typing import TypeVar

from services.common.durable import sync_folder

T = TypeVar("T")
MANY = 16  # fewer are not worth waiting for what others wrote
_AT_ONCE = 4  # measured with writing begun before: as fast as 16 without, with a third less CPU
_TELLS_ERRORS = (5, 8)  # the Linux from which syncfs(2) reports what could not be written
_WHOLE = {0xEF53, 0x58465342, 0x9123683E}  # ext2 to ext4, XFS, btrfs: local, and known to do it
_STATFS_OCTETS = 512


class GroupSync:
    """Syncs groups of files and the folders that name them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sync")

    def files(self, files: Sequence[int]) -> None:
        """Put open files on disk, of one file system, the first opened before any was written. Raises ``OSError``."""
        if _together(files):
            sync_file_system(files[0])
        else:
            for file in files:
                _begin(file)
            self._side_by_side(os.fdatasync, files)

    def names(self, files: Sequence[int], folders: Sequence[str]) -> None:
        """Put the ``folders`` on disk into which the still open ``files`` were renamed. Raises ``OSError``."""
        if _together(files):
            sync_file_system(files[0])
        else:
            self._side_by_side(sync_folder, folders)

    def _side_by_side(self, action: Callable[[T], None], items: Sequence[T]) -> None:
        """Threads do nothing but sync: more would only wait for the interpreter."""
        shares = [items[start::_AT_ONCE] for start in range(min(_AT_ONCE, len(items)))]

        def work(share: Sequence[T]) -> None:
            for item in share:
                action(item)

        list(self._threads.map(work, shares))


def sync_file_system(descriptor: int) -> None:
    """Put all of an open file's file system on disk: syncfs(2). Raises ``OSError``, also for what failed before."""
    if _libc().syncfs(descriptor):
        raise OSError(get_errno(), os.strerror(get_errno()))


def _together(files: Sequence[int]) -> bool:
    return len(files) >= MANY and _tells_errors() and _kind(files[0]) in _WHOLE


@cache
def _tells_errors() -> bool:
    version = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    return sys.platform == "linux" and version >= _TELLS_ERRORS


def _kind(descriptor: int) -> int:
    """The magic number of its file system, which begins the answer of fstatfs(2); 0 when that fails."""
    answer = create_string_buffer(_STATFS_OCTETS)
    return 0 if _libc().fstatfs(descriptor, answer) else c_long.from_buffer(answer).value


@cache
def _libc() -> CDLL:
    return CDLL(None, use_errno=True)


def _begin(file: int) -> None:
    """The disk begins to write now, so that the sync only waits; where the advice is unknown, the sync does both."""
    with suppress(AttributeError, OSError):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
