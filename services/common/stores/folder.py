"""Objects in a folder: the embedded store. A file per object, as a person would expect to find it."""
# ruff: noqa: PTH103, PTH104, PTH108, PTH112, PTH114, PTH116, PTH120, PTH123, PTH208 -- measured: with Path objects the CPU time of our own doubles

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from services.common.durable import sync_folder
from services.common.errors import Unavailable
from services.common.objects import NewObject, ObjectInfo, is_plain, plain
from services.common.own_folder import OwnFolder, remove_abandoned
from services.common.stores.attribute import describe, description_of
from services.common.stores.group_sync import GroupSync

File = tuple[str, int]  # name and descriptor
_BLOCK = 1 << 20
_WORK = ".incoming"
_OPEN_AT_ONCE = 128  # files; a process may often open 1,024
_ON_DISK_AFTER = 600.0  # seconds: systems write by themselves what nobody synced, after half a minute by default


class FolderStore:
    """An ``ObjectStore`` below one folder. Metadata lies in an extended attribute of the file, where there are any.

    A file is written beside the objects, synced to disk and then renamed, so it is whole or absent under its key.
    What a killed process leaves beside them is removed by the first put of a later one.
    """

    def __init__(self, root: Path, bucket: str = "mailweir") -> None:
        self.bucket = bucket
        self._root = root / bucket
        self._work = OwnFolder(self._root / _WORK)
        self._top = str(self._root)
        self._numbers = count()
        self._known: set[str] = set()
        self._sync = GroupSync()

    def check(self) -> None:
        """See that the folder is there, or make it. Raises Unavailable."""
        with _world():
            self._made(self._top)

    def put(self, new: NewObject) -> None:
        """Write one object; durable on return."""
        self.put_many([new])

    def put_many(self, news: list[NewObject]) -> None:
        """Write objects; all are durable on return. They are synced in groups, which the disk commits together.

        One that is there is left alone, unless it was damaged: then it is whole again.
        """
        with _world():
            named = {self._name_of(new.key): new for new in news}
            fresh = [name for name, new in named.items() if not _holds(name, new.data)]
            young = {os.path.dirname(name) for name in named.keys() - set(fresh) if _is_young(name)}
            for start in range(0, len(fresh), _OPEN_AT_ONCE):
                self._put_group({name: named[name] for name in fresh[start : start + _OPEN_AT_ONCE]}, young)
            if not fresh:
                self._sync.names([], list(young))

    def put_file(self, key: str, source: BinaryIO, size: int, content_type: str, metadata: Mapping[str, str]) -> None:
        """Copy a file block by block; durable on return. Raises ``Unavailable`` when it is shorter than ``size``."""
        with _world():
            target = self._path(key)
            self._made(str(target.parent))
            with self._incoming() as made:
                name, descriptor = made()
                if _copy(source, descriptor, size) != size:
                    raise Unavailable(f"the source of {key} ended early; it is tried again")
                describe(descriptor, content_type, metadata)
                os.fdatasync(descriptor)
            self._move(name, str(target))
            sync_folder(target.parent)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of an object or a range of it. Raises ``KeyError`` when there is none."""
        with _world():
            try:
                with self._path(key).open("rb") as file:
                    if offset >= os.fstat(file.fileno()).st_size:
                        return b""
                    file.seek(offset)
                    return file.read() if length is None else file.read(length)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise KeyError(key) from None

    def stat(self, key: str) -> ObjectInfo | None:
        """Size and metadata of an object, or None."""
        with _world(), suppress(FileNotFoundError, NotADirectoryError):
            found = os.stat(self._name_of(key))
            return ObjectInfo(key, found.st_size, *description_of(self._path(key))) if S_ISREG(found.st_mode) else None
        return None

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, in order."""
        return (key for key, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The same, with the octets of each object. Raises ``Unavailable`` for a folder that cannot be looked into."""
        return ((name[len(self._top) + 1 :], size) for name, size in self._found(prefix))

    def delete(self, keys: list[str]) -> None:
        """Remove objects and the folders that become empty."""
        self._remove([self._name_of(key) for key in keys])

    def erase(self, prefix: str) -> int:
        """Remove all objects below a prefix; how many there were.

        What killed processes left goes, too: half written objects, and empty folders, whose names tell hashes.
        """
        names = [name for name, _ in self._found(prefix)]
        self._remove(names)
        with _world():
            if prefix.endswith("/") and is_plain(prefix.removesuffix("/")):
                for folder, *_ in os.walk(f"{self._top}/{prefix}", topdown=False):
                    self._prune(Path(folder))
            remove_abandoned(self._root / _WORK)
        return len(names)

    def _found(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Files whose keys begin so: those of strangers, too, which no key of ours could name."""
        if prefix and not is_plain(prefix.removesuffix("/")):
            return
        top = f"{self._top}/{prefix}".removesuffix("/")
        with _world():
            found = _files(top if not prefix or os.path.isdir(top) else os.path.dirname(top))
            yield from (each for each in found if each[0].startswith(f"{self._top}/{prefix}"))

    def _remove(self, names: Sequence[str]) -> None:
        with _world():
            for name in names:
                with suppress(FileNotFoundError):
                    os.unlink(name)
                self._prune(Path(name).parent)

    def _put_group(self, news: Mapping[str, NewObject], young: Set[str]) -> None:
        folders = {self._made(os.path.dirname(name)) for name in news} | young
        with self._incoming() as made:
            files = [_filled(made(), new) for new in news.values()]
            descriptors = [descriptor for _, descriptor in files]
            self._sync.files(descriptors)
            for (name, _), target in zip(files, news, strict=True):
                self._move(name, target)
            self._sync.names(descriptors, list(folders))

    @contextmanager
    def _incoming(self) -> Iterator[Callable[[], File]]:
        """Makes new files, which go away when the block fails: a full disk must not be filled further."""
        folder = self._work.path()
        opened: list[File] = []

        def made() -> File:
            name = f"{folder}/{next(self._numbers)}"
            opened.append((name, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)))
            return opened[-1]

        try:
            yield made
        except BaseException:
            _unlink(opened)
            raise
        finally:
            for _, descriptor in opened:
                os.close(descriptor)

    def _made(self, folder: str) -> str:
        """The folder, made when it is new. Names of files are nobody else's business: only the owner sees the root."""
        if not self._known:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self._root / _WORK).mkdir(exist_ok=True)
        if folder not in self._known:
            os.makedirs(folder, exist_ok=True)
            self._known.add(folder)
        return folder

    def _move(self, name: str, target: str) -> None:
        """Give a file its name; a folder that another process has removed since, with its account, is made again."""
        try:
            os.rename(name, target)
        except FileNotFoundError:
            self._known.clear()
            self._made(os.path.dirname(target))
            os.rename(name, target)

    def _path(self, key: str) -> Path:
        return Path(self._name_of(key))

    def _name_of(self, key: str) -> str:
        """Where a key lies; a key that would leave the folder is a bug of the caller."""
        return f"{self._top}/{plain(key)}"

    def _prune(self, folder: Path) -> None:
        """Remove a folder and those above it, up to one that is not empty, or that another process removed first."""
        with suppress(OSError):
            while folder != self._root:
                folder.rmdir()
                self._known.discard(str(folder))
                folder = folder.parent


@contextmanager
def _world() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the object folder cannot be used: {error.strerror}; free space or mend its rights"
        ) from error


def _holds(name: str, data: bytes) -> bool:
    try:
        with open(name, "rb") as file:
            return os.fstat(file.fileno()).st_size == len(data) and file.read() == data
    except FileNotFoundError:
        return False


def _is_young(name: str) -> bool:
    """Whether another process may have been killed, or is, between giving the file its name and syncing that."""
    return time.time() - os.stat(name).st_ctime < _ON_DISK_AFTER


def _files(top: str) -> Iterator[tuple[str, int]]:
    """All files but the unfinished ones, with their sizes, in order; files and folders may come and go meanwhile."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for name in sorted(os.listdir(top)):
            yield from _below(f"{top}/{name}") if name != _WORK else ()


def _below(name: str) -> Iterator[tuple[str, int]]:
    with suppress(FileNotFoundError):
        found = os.stat(name)
        if not S_ISDIR(found.st_mode):
            yield name, found.st_size
        elif not os.path.islink(name):
            yield from _files(name)


def _copy(source: BinaryIO, descriptor: int, size: int) -> int:
    """Copy at most ``size`` octets, block by block; how many there were."""
    copied = 0
    while block := source.read(min(_BLOCK, size - copied)):
        _write(descriptor, block)
        copied += len(block)
    return copied


def _filled(file: File, new: NewObject) -> File:
    _, descriptor = file
    _write(descriptor, new.data)
    describe(descriptor, new.content_type, new.metadata)
    return file


def _unlink(files: Sequence[File]) -> None:
    for name, _ in files:
        with suppress(OSError):
            os.unlink(name)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
