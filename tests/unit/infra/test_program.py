"""How one program is started, and what is known of it afterwards."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import cache, program, stack
from infra.local.cluster import NAMES, Cluster
from infra.local.program import Program
from infra.local.stack import Stack
from services.common.errors import Unavailable
from services.common.health import Health, path_of
from tests.fakes.full_disk import no_file_larger_than


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Program]:
    found = Program("trial", tmp_path, (sys.executable, "-c", "import time; time.sleep(20)"), ready=lambda: True)
    yield found
    program.stop(found)


def test_a_program_is_known_by_its_pid_file_from_its_beginning(trial: Program) -> None:
    assert program.start(trial)
    found = program.running(trial)
    assert found is not None
    assert Path(f"/proc/{found.pid}/cmdline").read_bytes().endswith(b"time.sleep(20)\0")
    assert not program.start(trial)
    assert program.running(trial) == found


def test_nothing_runs_that_could_not_be_recorded(trial: Program) -> None:
    trial.log_file.write_text("before\n")
    with no_file_larger_than(0), pytest.raises(Unavailable, match=r"trial cannot be started: .*File too large"):
        program.start(trial)
    assert _running_below(trial.folder) == []
    assert program.state(trial) == "stopped"


def test_a_program_that_is_not_there_is_named(trial: Program) -> None:
    gone = replace(trial, command=(str(trial.folder / "gone"),))
    with pytest.raises(Unavailable, match=r"trial cannot be started: .*gone: No such file"):
        program.start(gone)


def test_a_relative_cache_is_the_same_for_programs_that_work_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILWEIR_CACHE", "cache")
    assert cache.folder() == Path.cwd() / "cache"


def test_nothing_that_outlives_the_command_is_given_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAILWEIR_MASTER_KEY", "MAILWEIR_DATABASE_URL", "MAILWEIR_S3_SECRET_KEY"):
        monkeypatch.setenv(name, "canary-of-the-environment")
    found = stack.describe(tmp_path, NAMES)
    assert len(found.programs) == 10
    given = [one.environment if one.environment is not None else program.not_ours() for one in found.programs]
    assert not [one for one in given if "canary-of-the-environment" in one.values()]


def test_a_service_that_was_killed_is_not_green_by_its_last_heartbeat(trial: Program) -> None:
    parser = replace(trial, name="parser")
    home = trial.folder
    found = Stack(home, Cluster(home, {}), {"parser": parser})
    program.start(parser)
    Health("parser", path_of(home, "parser")).beat()
    assert stack.health_of(found, parser) == "green"
    program.kill(parser)
    assert stack.health_of(found, parser) == "does not run"


def _running_below(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and int(process.name) != os.getpid():
                found.append(process.name)
        except OSError:
            continue
    return found
