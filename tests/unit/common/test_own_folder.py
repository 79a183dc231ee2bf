"""What a process that is killed leaves behind goes away; what belongs to one that lives stays. Real processes."""

import os
import select
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree

from services.common.objects import NewObject
from services.common.own_folder import OwnFolder
from services.common.stores.folder import FolderStore

PUTS_A_FILE = """
import sys
from pathlib import Path
from services.common.stores.folder import FolderStore

class Halves:
    count = 0

    def read(self, size):
        self.count += 1
        if self.count == 2:
            print("half", flush=True)
            sys.stdin.readline()
        return b"x" * min(size, 1000)

FolderStore(Path(sys.argv[1])).put_file(sys.argv[2], Halves(), 2000, "text/plain", {})
"""
FORKS = """
import os, sys
from pathlib import Path
from services.common.own_folder import OwnFolder

own = OwnFolder(Path(sys.argv[1]))
Path(own.path(), "unfinished").touch()
child = os.fork()
if child:
    print(child, flush=True)
    os.wait()
sys.stdin.read()
"""
COMES_AND_GOES = """
import sys
from pathlib import Path
from services.common.own_folder import OwnFolder

for _ in range(300):
    own = OwnFolder(Path(sys.argv[1]))
    file = Path(own.path(), "unfinished")
    file.write_bytes(b"x")
    OwnFolder(Path(sys.argv[1])).path()
    assert file.read_bytes() == b"x"
"""


def begun(stack: ExitStack, program: str, *words: str) -> "subprocess.Popen[str]":
    """A process; at the end it is killed if it still runs."""
    command = [sys.executable, "-c", program, *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def unfinished(top: Path) -> list[Path]:
    return [path for path in top.rglob("mailweir-unfinished-*/*") if path.is_file()]


def test_files_of_a_killed_process_go_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    with ExitStack() as stack:
        killed, living = (begun(stack, PUTS_A_FILE, str(tmp_path), f"work/{name}") for name in ("killed", "living"))
        assert (said(killed), said(living)) == ("half", "half")
        assert len(unfinished(tmp_path)) == 2
        killed.kill()
        killed.wait()
        store = FolderStore(tmp_path)
        store.put(NewObject("work/next", b"x", "text/plain"))
        assert [path.stat().st_size for path in unfinished(tmp_path)] == [1000]
        living.communicate("go on\n")
        assert living.returncode == 0
    assert list(store.keys("")) == ["work/living", "work/next"]
    assert store.read("work/living") == b"x" * 2000
    assert unfinished(tmp_path) == []


def test_an_erased_account_leaves_no_half_of_a_file_behind(tmp_path: Path) -> None:
    with ExitStack() as stack:
        killed, living = (begun(stack, PUTS_A_FILE, str(tmp_path), f"work/{name}") for name in ("killed", "living"))
        assert (said(killed), said(living)) == ("half", "half")
        killed.kill()
        killed.wait()
        assert FolderStore(tmp_path).erase("work/") == 0
        assert len(unfinished(tmp_path)) == 1


def test_files_of_a_killed_process_stay_while_its_fork_lives(tmp_path: Path) -> None:
    with ExitStack() as stack:
        parent = begun(stack, FORKS, str(tmp_path))
        child = os.pidfd_open(int(said(parent)))
        parent.kill()
        parent.wait()
        try:
            OwnFolder(tmp_path).path()
            assert len(unfinished(tmp_path)) == 1
        finally:
            signal.pidfd_send_signal(child, signal.SIGKILL)
        assert select.select([child], [], [], 60)[0]
        os.close(child)
        OwnFolder(tmp_path).path()
        assert unfinished(tmp_path) == []


def test_processes_that_come_and_go_leave_each_other_alone(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [begun(stack, COMES_AND_GOES, str(tmp_path)) for _ in range(4)]
        assert [process.wait() for process in processes] == [0] * 4
    own = OwnFolder(tmp_path)
    last = own.path()
    assert [str(path) for path in tmp_path.iterdir()] == [last]


def test_what_is_not_an_own_folder_is_left_alone(tmp_path: Path) -> None:
    others = [tmp_path / "mailweir-other", tmp_path / "mailweir-unfinished-link"]
    others[0].mkdir()
    others[1].symlink_to(others[0])
    (others[0] / "file").touch()
    own = OwnFolder(tmp_path)
    own.path()
    assert (others[0] / "file").exists()
    assert others[1].is_symlink()


def test_a_folder_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    own = OwnFolder(tmp_path)
    first = own.path()
    rmtree(first)
    assert Path(own.path()).is_dir()
    assert own.path() != first
