import json
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from infra.local import folders
from services.common.errors import ConfigurationError
from tests.fakes.full_disk import no_file_larger_than


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    first = folders.ports(tmp_path / "kafka", ("broker", "controller"))
    assert len(set(first.values())) == 2
    assert folders.ports(tmp_path / "kafka", ("broker", "controller")) == first


def test_a_wanted_port_is_taken_and_kept(tmp_path: Path) -> None:
    assert folders.ports(tmp_path, ("broker",), {"broker": 9092}) == {"broker": 9092}
    assert folders.ports(tmp_path, ("broker",)) == {"broker": 9092}


@pytest.mark.parametrize("text", ["", "[]", '{"broker": "many"}', "7", '{"broker": 0}', '{"broker": 65536}'])
def test_an_unreadable_file_of_ports_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"ports\.json"):
        folders.ports(tmp_path, ("broker",))


def test_two_commands_that_are_the_first_choose_the_same_ports(tmp_path: Path) -> None:
    for each in range(50):
        choose = partial(folders.ports, tmp_path / str(each), ("api", "console"))
        with ThreadPoolExecutor(4) as threads:
            chosen = [threads.submit(choose) for _ in range(4)]
        assert [one.result() for one in chosen] == [choose()] * 4


def test_a_full_disk_leaves_no_empty_secret(tmp_path: Path) -> None:
    with no_file_larger_than(0), pytest.raises(OSError, match="File too large"):
        folders.secret(tmp_path / "secret")
    assert len(folders.secret(tmp_path / "secret")) == 32


def test_a_port_in_use_has_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in (folders.port_fault(taken.getsockname()[1]) or "")
    assert folders.port_fault(folders.free_port()) is None


def test_a_free_port_is_given_once() -> None:
    given = [folders.free_port() for _ in range(1_000)]
    assert len(set(given)) == len(given)


def test_a_secret_is_written_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret"
    first = folders.secret(path)
    assert folders.secret(path) == folders.secret(path, "other") == first
    assert len(first) == 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_other_users_may_pass_through_but_not_list(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folders.make_reachable(closed / "data")
    assert closed.stat().st_mode & 0o777 == 0o711


def test_ports_are_a_table_for_people(tmp_path: Path) -> None:
    found = folders.ports(tmp_path, ("api",))
    assert json.loads((tmp_path / "ports.json").read_text()) == found
