"""Files of export: whole under their name, or what was there before."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from services.cli.whole_files import whole_file
from services.common.errors import ConfigurationError, Incomplete
from tests.fakes.mail_events import message
from tests.integration.commands.conftest import MAIL, Home

LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
KEPT = b"what an earlier export wrote"


@pytest.fixture
async def with_a_large_one(stored: Home) -> Home:
    await stored.take(*MAIL, message("large", "x" * 20_000).as_bytes())
    return stored


@pytest.mark.parametrize("form", ["mbox", "jsonl"])
def test_an_export_without_room_leaves_what_was_there_and_names_the_file(
    with_a_large_one: Home, tmp_path: Path, form: str
) -> None:
    target = tmp_path / f"all.{form}"
    target.write_bytes(KEPT)
    done = _with_room(8192, with_a_large_one, "export", "--format", form, "--to", str(target))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"mailweir: {target}: ")
    assert "run this again" in done.stderr
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(target.name, KEPT)]


@pytest.mark.parametrize(
    ("form", "name", "told"), [("eml", "file", "needs a folder"), ("mbox", ".", "a file"), ("jsonl", "", "a file")]
)
def test_a_path_of_the_wrong_kind_is_told_with_what_would_do(
    stored: Home, tmp_path: Path, form: str, name: str, told: str
) -> None:
    (tmp_path / "file").write_bytes(KEPT)
    with pytest.raises(ConfigurationError, match=rf"^--to \S+: .*{told}.* name "):
        stored.run("export", "--format", form, "--to", str(tmp_path / name))
    assert (tmp_path / "file").read_bytes() == KEPT


def test_a_message_file_without_room_is_not_there(with_a_large_one: Home, tmp_path: Path) -> None:
    done = _with_room(8192, with_a_large_one, "export", "--to", str(tmp_path))
    assert done.returncode == 1
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {".eml"}
    assert {path.read_bytes() for path in tmp_path.rglob("*.eml")} <= set(MAIL)


def test_an_export_over_an_earlier_one_keeps_its_rights_and_its_link(stored: Home, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    target, link = tmp_path / "private" / "all.mbox", tmp_path / "all.mbox"
    target.write_bytes(KEPT)
    target.chmod(0o600)
    link.symlink_to(target)
    assert stored.run("export", "--format", "mbox", "--to", str(link)).exit_code == 0
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_bytes().startswith(b"From ada@example.org ")
    assert list(target.parent.iterdir()) == [target]


WRITING = """
import sys
from pathlib import Path
from services.cli.whole_files import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("begun", flush=True)
    input()
    file.write(b" and half")
"""


@contextmanager
def writing(target: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has begun to write a file."""
    command = [sys.executable, "-c", WRITING, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        yield process


def test_a_file_that_another_export_writes_is_left_to_it(stored: Home, tmp_path: Path) -> None:
    target = tmp_path / "all.mbox"
    with writing(target) as other:
        with pytest.raises(Incomplete, match=r"all\.mbox: another command is writing it"):
            stored.run("export", "--format", "mbox", "--to", str(target))
        other.communicate("\n")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(target.name, b"half and half")]
    assert stored.run("export", "--format", "mbox", "--to", str(target)).exit_code == 0


def test_what_a_killed_export_left_is_in_nobodys_way(stored: Home, tmp_path: Path) -> None:
    target = tmp_path / "all.mbox"
    with writing(target) as killed:
        killed.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["all.mbox.mailweir-part"]
    assert stored.run("export", "--format", "mbox", "--to", str(target)).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["all.mbox"]
    assert target.read_bytes().startswith(b"From ada@example.org ")


def test_a_file_of_somebody_elses_is_not_taken_for_what_an_export_left(stored: Home, tmp_path: Path) -> None:
    """Browsers call what they have not whole so, too."""
    target, other = tmp_path / "all.mbox", tmp_path / "all.mbox.part"
    other.write_bytes(KEPT)
    assert stored.run("export", "--format", "mbox", "--to", str(target)).exit_code == 0
    assert other.read_bytes() == KEPT


def test_what_only_the_owner_may_read_nobody_else_may_read_meanwhile(tmp_path: Path) -> None:
    target = tmp_path / "all.mbox"
    target.write_bytes(KEPT)
    target.chmod(0o600)
    with writing(target):
        assert (tmp_path / "all.mbox.mailweir-part").stat().st_mode & 0o777 == 0o600


def test_a_link_that_leads_to_itself_is_no_traceback(tmp_path: Path) -> None:
    link = tmp_path / "all.mbox"
    link.symlink_to(link)
    with whole_file(link) as file:
        file.write(KEPT)
    assert link.read_bytes() == KEPT


def test_an_export_goes_into_a_pipe(stored: Home, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert stored.process("export", "--format", "jsonl", "--to", str(pipe)).returncode == 0
        assert reader.stdout
        assert len(reader.stdout.read().splitlines()) == len(MAIL)


def _with_room(octets: int, home: Home, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command where no file may grow above a size, as on a disk that is full there."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(octets), "-m", "services.cli.main", *words],
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **home.environment},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def test_a_year_of_fewer_digits_is_written_with_four(stored: Home, tmp_path: Path) -> None:
    """Files sort by their day, and every reader of mbox knows a separator by its four digits."""
    with stored.context.engine.begin() as connection:
        connection.execute(text("UPDATE emails SET received_at = '0099-02-03 04:05:06+00'"))
    assert stored.run("export", "--to", str(tmp_path)).exit_code == 0
    assert {path.name[:11] for path in tmp_path.rglob("*.eml")} == {"0099-02-03-"}
    assert stored.run("export", "--format", "mbox", "--to", str(tmp_path / "all")).exit_code == 0
    separators = [line for line in (tmp_path / "all").read_bytes().splitlines() if line.startswith(b"From ")]
    assert {line.split(b" ", 2)[2] for line in separators} == {b"Tue Feb  3 04:05:06 0099"}
    assert "0099-02-03 04:05" in stored.run("search", "合同").output
