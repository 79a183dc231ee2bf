"""The heartbeat file and what an orchestrator concludes from it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.common.errors import ConfigurationError
from services.common.health import Health, path_of, verdict


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_is_red_while_any_source_says_why() -> None:
    health = Health("parser")
    assert (health.state, health.reason) == ("green", None)
    health.red("kafka", "Kafka does not answer")
    health.red("mail.fetched", "the store does not answer")
    health.green("kafka")
    health.green("never red")
    assert (health.state, health.reason) == ("red", "the store does not answer")
    health.red("mail.parsed", "the store does not answer")
    assert health.reason == "the store does not answer"
    health.green("mail.fetched")
    assert health.state == "red"
    health.green("mail.parsed")
    assert health.state == "green"


def test_the_file_is_touched_once_a_second_and_tells_since_when(tmp_path: Path) -> None:
    clock = Clock()
    path = path_of(tmp_path, "parser")
    health = Health("parser", path, clock)
    health.beat()
    first = path.read_text()
    clock.now += 0.5
    health.beat()
    assert path.read_text() == first
    clock.now += 1
    health.beat()
    found = json.loads(path.read_text())
    assert (found["service"], found["state"], found["since"], found["time"]) == ("parser", "green", 1000.0, 1001.5)
    health.red("kafka", "why")
    assert json.loads(path.read_text())["since"] == 1001.5
    assert [entry.name for entry in path.parent.iterdir()] == ["parser.json"]


def test_a_heartbeat_that_cannot_be_written_is_old_and_the_service_goes_on(tmp_path: Path) -> None:
    clock = Clock()
    path = path_of(tmp_path, "parser")
    health = Health("parser", path, clock)
    health.beat()
    away = path.parent.rename(tmp_path / "away")
    clock.now += 20
    health.beat()
    health.red("kafka", "Kafka does not answer")
    assert health.state == "red"
    away.rename(path.parent)
    assert "20 s ago" in (verdict(path, 15, clock.now) or "")
    clock.now += 1
    health.green("kafka")
    assert verdict(path, 15, clock.now) is None


def test_a_clock_that_is_set_back_stops_no_heartbeat_and_hides_no_stuck_service(tmp_path: Path) -> None:
    clock = Clock()
    path = path_of(tmp_path, "parser")
    health = Health("parser", path, clock)
    health.beat()
    clock.now -= 600
    assert "set back by 600 s" in (verdict(path, 15, clock.now) or "")
    health.beat()
    assert verdict(path, 15, clock.now) is None


def test_a_home_that_cannot_be_used_is_a_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"home.* cannot be made \(Not a directory\).*MAILWEIR_HOME"):
        Health("parser", path_of(tmp_path / "home", "parser"))


def test_missing_old_red_and_broken_files_are_unhealthy(tmp_path: Path) -> None:
    clock = Clock()
    path = path_of(tmp_path, "parser")
    assert "no readable heartbeat" in (verdict(path, 15, clock.now) or "")
    health = Health("parser", path, clock)
    health.beat()
    assert verdict(path, 15, clock.now + 10) is None
    assert "20 s ago" in (verdict(path, 15, clock.now + 20) or "")
    health.red("mail.fetched", "the store does not answer")
    assert verdict(path, 15, clock.now) == "parser: the store does not answer"
    path.write_text("[]")
    assert "no readable heartbeat" in (verdict(path, 15, clock.now) or "")


def test_the_command_answers_with_its_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    command = [sys.executable, "-m", "services.common.health", str(path), "--max-age", "60"]
    gone = subprocess.run(command, capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert "is the service running?" in gone.stderr
    Health("parser", path).beat()
    assert subprocess.run(command, check=False).returncode == 0
