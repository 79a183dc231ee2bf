"""Large literals in files: a full disk, slow readers, and what stays of a process that was killed."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from services.common.errors import Unavailable
from services.poller.domain.uidset import UidSet
from services.poller.imap.model import Limits, Spooled
from services.poller.imap.spooling import SpoolFile, discard, taken
from tests.fakes.full_disk import no_file_larger_than
from tests.fakes.imap_model import Mailbox, Message, Script, sample
from tests.unit.poller.imap.test_fetching import bodies

SPOOLS = """
import sys
from pathlib import Path
from services.poller.imap.spooling import SpoolFile

files = [SpoolFile(Path(sys.argv[1])) for _ in range(2)]
files[0].write(b"x" * 100_000)
files[1].finish()
print("begun", flush=True)
sys.stdin.readline()
files[0].write(b"x" * 100_000)
files[0].finish()
print("ended", flush=True)
sys.stdin.readline()
"""


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def begun(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", SPOOLS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    with begun(tmp_path) as killed, begun(tmp_path) as living:
        assert len(files(tmp_path)) == 4
        killed.kill()
        killed.wait()
        SpoolFile(tmp_path).discard()
        assert len(files(tmp_path)) == 2
        assert living.stdin is not None
        assert living.stdout is not None
        living.stdin.write("go on\n")
        living.stdin.flush()
        assert living.stdout.readline() == "ended\n"
        assert sorted(path.stat().st_size for path in files(tmp_path)) == [0, 200_000]
        living.kill()


@pytest.mark.parametrize("size", [3_000_000, 1_000_001], ids=["while it is written", "when it is closed"])
async def test_a_full_disk_is_no_fault_of_the_message(play, tmp_path: Path, size: int) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    script = Script({b"INBOX": Mailbox([Message(1, b"x" * size)])})
    async with play(script, limits=Limits(spool_folder=spool)) as (session, _):
        with no_file_larger_than(1_000_000), pytest.raises(Unavailable) as caught:
            await bodies(session)
        assert str(caught.value).startswith(f"no room for a large message in {spool}: File too large; free space there")
        assert "MAILWEIR_POLLER_SPOOL" in str(caught.value)
        assert not session.alive
    assert files(spool) == []


def test_a_folder_that_is_not_there_is_no_fault_of_the_message(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file or directory; free space there or name another folder"):
        SpoolFile(tmp_path / "none")


def test_a_file_that_is_gone_is_fetched_again(tmp_path: Path) -> None:
    file = SpoolFile(tmp_path)
    file.write(b"x")
    body = file.finish()
    body.path.unlink()
    with pytest.raises(Unavailable, match="fetched again"), taken(body):
        pass


async def test_a_slow_reader_holds_the_server_back_before_the_disk_is_full(play, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    script = Script({b"INBOX": Mailbox([Message(uid, sample(uid, 200_000)) for uid in range(1, 41)])})
    async with play(script, limits=Limits(spool_above=1000, spool_folder=spool, queue=500_000)) as (session, _):
        await session.examine(b"INBOX")
        most = 0
        async for found in session.fetch_bodies(UidSet.range(1, 40)):
            await asyncio.sleep(0.01)
            most = max(most, sum(path.stat().st_size for path in files(spool)))
            assert isinstance(found.body, Spooled)
            discard([found.body])
        assert 200_000 < most < 2_000_000


async def test_a_header_too_long_to_be_looked_at_leaves_no_file(play, tmp_path: Path) -> None:
    limits = Limits(spool_above=100, spool_folder=tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    async with play(Script({b"INBOX": Mailbox([Message(1, sample(1, 5000))])}), limits=limits) as (session, _):
        await session.examine(b"INBOX")
        assert [header async for header in session.fetch_headers(UidSet.of([1]))] == []
        assert files(tmp_path / "spool") == []
