import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import processes
from infra.local.keeper import Watch
from infra.local.processes import Identity
from infra.local.program import Program
from tests.fakes.full_disk import no_file_larger_than


def _program(folder: Path) -> Program:
    return Program("trial", folder, (sys.executable, "-c", "import time; time.sleep(20)"), ready=lambda: True)


def test_what_was_never_started_or_was_stopped_stays_so(tmp_path: Path) -> None:
    program = _program(tmp_path)
    Watch(program).look(0)
    assert not program.pid_file.exists()


def test_what_ended_by_itself_is_started_again_ever_more_slowly(tmp_path: Path) -> None:
    program = _program(tmp_path)
    watch = Watch(program)
    started = [now for now in range(100) if _looked(watch, program, now)]
    assert started == [0, 1, 3, 7, 15, 31, 63]


def test_after_a_long_life_it_is_started_at_once_again(tmp_path: Path) -> None:
    program = _program(tmp_path)
    watch = Watch(program)
    for now in (0, 1, 3, 7, 15):
        _looked(watch, program, now)
    assert _looked(watch, program, 300)
    assert _looked(watch, program, 301)


def test_what_cannot_be_started_again_is_tried_again_and_the_keeper_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = replace(_program(tmp_path), command=(str(tmp_path / "gone"),))
    watch = Watch(program)
    assert [now for now in range(10) if _said(watch, program, now, capsys)] == [0, 1, 3, 7]
    with no_file_larger_than(0):
        watch.look(15)
    assert _said(watch, program, 31, capsys)
    assert _looked(Watch(_program(tmp_path)), program, 0)


def _said(watch: Watch, program: Program, now: float, capsys: pytest.CaptureFixture[str]) -> str:
    processes.record(program.pid_file, Identity(2**22 + 1, 1))
    watch.look(now)
    return capsys.readouterr().out


def _looked(watch: Watch, program: Program, now: float) -> bool:
    dead = Identity(2**22 + 1, 1)  # beyond the largest number that Linux gives
    processes.record(program.pid_file, dead)
    watch.look(now)
    return program.pid_file.read_text() != f"{dead.pid} {dead.started}\n"
