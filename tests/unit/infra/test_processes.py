import os
import subprocess
import sys
from pathlib import Path

from infra.local import processes
from infra.local.processes import Identity


def test_a_process_is_known_by_number_and_start(tmp_path: Path) -> None:
    own = processes.identity(os.getpid())
    assert own is not None
    processes.record(tmp_path / "pid", own)
    assert processes.recorded(tmp_path / "pid") == own


def test_a_reused_number_is_another_process(tmp_path: Path) -> None:
    processes.record(tmp_path / "pid", Identity(os.getpid(), 1))
    assert processes.recorded(tmp_path / "pid") is None


def test_no_pid_file_and_a_broken_one_name_nobody(tmp_path: Path) -> None:
    assert processes.recorded(tmp_path / "pid") is None
    (tmp_path / "pid").write_text("word")
    assert processes.recorded(tmp_path / "pid") is None


def test_a_zombie_does_not_live() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.identity(child.pid) is None
    child.wait()


def test_the_tree_holds_children() -> None:
    own = processes.identity(os.getpid())
    assert own is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in [member.pid for member in processes.tree(own)]
        assert child.stdin is not None
        child.stdin.write(b"\n")
