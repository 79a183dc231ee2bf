"""The embedded Postgres as commands use it."""

import os
import re
import signal
import subprocess
import sys
import time
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.common.database import engine_for
from services.common.errors import Unavailable
from services.common.postgres import embedded_postgres
from services.front.context import open_context
from tests.fakes.full_disk import no_file_larger_than
from tests.polling import until


@pytest.fixture
def home(tmp_path: Path):  # type: ignore[no-untyped-def]
    folder = tmp_path / "a home 合"
    yield folder
    embedded_postgres.stop(folder)


def command(home: Path, first: str = "", then: str = "print(url)") -> list[str]:
    """A program that asks for the server of a home, as every command does."""
    ask = f"from services.common.postgres.embedded_postgres import *; url = ensure(Path({str(home)!r}))"
    return [sys.executable, "-c", "\n".join((first, ask, then))]


def test_two_commands_at_once_share_one_server(home: Path) -> None:
    both = [subprocess.Popen(command(home), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    urls = {process.communicate(timeout=180)[0] for process in both}
    assert len(urls) == 1
    assert urls.pop().startswith("postgresql://")


def test_what_is_open_above_the_limit_of_open_files_keeps_it_from_nothing(home: Path, tmp_path: Path) -> None:
    few = "import os, resource; os.dup2(0, 200); resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))"
    with (tmp_path / "lock").open("w") as mine, (tmp_path / "lock").open("w") as other:
        flock(mine, LOCK_EX)
        done = subprocess.run(command(home, few), stdin=mine, capture_output=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr.decode()
        mine.close()
        flock(other, LOCK_EX | LOCK_NB)


@pytest.mark.parametrize("locale", ["zh_CN.UTF-8", "zh_CN.GB18030"])
def test_a_locale_that_this_machine_lacks_is_no_trouble(home: Path, locale: str) -> None:
    environment = {**os.environ, "LANG": locale, "LC_ALL": locale, "PYTHONUTF8": "1"}
    done = subprocess.run(command(home), env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    with engine_for(done.stdout.strip()).connect() as connection:
        assert connection.execute(text("SELECT lower('ÄЖ')")).scalar() == "äж"
        connection.engine.dispose()


def test_what_the_user_says_of_other_servers_is_not_about_this_one(home: Path) -> None:
    query = "from services.common.database import *; from sqlalchemy import *; e = engine_for(url); "
    ask = "print(e.connect().scalar(select(literal(chr(0x1F600))))); e.dispose()"
    others = os.environ | {
        "PGSERVICE": "no-such-service", "PGHOSTADDR": "192.0.2.1", "PGPORT": "5999", "PYTHONUTF8": "1",
        "PGOPTIONS": "-c search_path=nowhere", "PGCLIENTENCODING": "GBK", "PGCHANNELBINDING": "require",
    }  # fmt: skip
    subprocess.run(command(home), env=others, stdout=subprocess.DEVNULL, check=True)
    for environment in (dict(os.environ), others):
        said = subprocess.check_output(command(home, then=query + ask), env=environment)
        assert said.decode() == "\U0001f600\n"


def test_no_variable_of_ours_is_left_to_what_outlives_the_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILWEIR_MASTER_KEY", "canary-of-the-environment")
    embedded_postgres.ensure(home)
    assert os.environ["MAILWEIR_MASTER_KEY"] == "canary-of-the-environment"
    arguments, environments = str(home).encode(), b""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if arguments in (process / "cmdline").read_bytes():
                environments += (process / "environ").read_bytes()
        except OSError:
            continue
    assert b"LC_ALL" in environments
    assert b"canary-of-the-environment" not in environments


def test_a_lock_that_the_caller_holds_is_free_when_the_command_ends(home: Path, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as mine, (tmp_path / "lock").open("w") as other:
        flock(mine, LOCK_EX)
        subprocess.run(command(home, then=""), pass_fds=[mine.fileno()], timeout=180, check=True)
        mine.close()
        flock(other, LOCK_EX | LOCK_NB)


def test_why_it_does_not_start_is_told_without_the_environment(home: Path) -> None:
    environment = {**os.environ, "ELSEWHERE": "canary-of-the-environment"}

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(home), env=environment, capture_output=True, text=True, timeout=180, check=False)

    assert start().returncode == 0
    assert embedded_postgres.stop(home)
    with (home / "postgres" / "postgresql.conf").open("a") as file:
        file.write("max_connections = none\n")
    done = start()
    assert done.returncode == 1
    assert re.search(r"does not start \(configuration file .* contains errors\); see .*/postgres/log", done.stderr)
    assert "canary" not in done.stdout + done.stderr


def test_why_its_first_start_fails_is_told_too(tmp_path: Path) -> None:
    with no_file_larger_than(100_000), pytest.raises(Unavailable, match=r"does not start \(.*\)$") as told:
        embedded_postgres.ensure(tmp_path / "home")
    assert "exit code" not in str(told.value)


def test_it_is_durable_survives_kill_and_stops_only_when_idle(home: Path) -> None:
    url = embedded_postgres.ensure(home)
    engine = engine_for(url)
    with engine.begin() as connection:
        assert connection.execute(text("SHOW fsync")).scalar() == "on"
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        connection.execute(text("CREATE TABLE kept AS SELECT 1 AS n"))
    assert embedded_postgres.clients(home) == 1
    assert not embedded_postgres.stop(home, if_idle=True)
    engine.dispose()
    os.kill(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]), 9)
    until(lambda: embedded_postgres.clients(home) is None)
    again = engine_for(embedded_postgres.ensure(home))
    with again.begin() as connection:
        assert connection.execute(text("SELECT n FROM kept")).scalar() == 1
    again.dispose()
    until(lambda: not embedded_postgres.clients(home))
    used_a_while_ago(home)
    assert embedded_postgres.stop(home, if_idle=True)
    assert embedded_postgres.clients(home) is None


def test_a_command_that_is_about_to_connect_keeps_the_server(home: Path) -> None:
    url = embedded_postgres.ensure(home)
    used_a_while_ago(home)
    assert embedded_postgres.ensure(home) == url
    assert not embedded_postgres.stop(home, if_idle=True)
    assert embedded_postgres.clients(home) == 0
    used_a_while_ago(home)
    assert embedded_postgres.stop(home, if_idle=True)


@pytest.mark.parametrize(
    "there", ["postgres.new/postgresql.conf", "postgres.new/pg_hba.conf", "postgres/postmaster.pid"]
)
def test_a_first_start_that_was_killed_is_made_good_by_the_next(home: Path, there: str) -> None:
    with subprocess.Popen(command(home, then=""), start_new_session=True, stderr=subprocess.DEVNULL) as first:
        until(lambda: (home / there).exists() or (home / "postgres" / "postmaster.pid").exists())
        os.killpg(first.pid, signal.SIGKILL)
    engine = engine_for(embedded_postgres.ensure(home))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE works AS SELECT 1 AS n"))
    engine.dispose()
    assert "map=owner" in (home / "postgres" / "pg_hba.conf").read_text()


def test_data_of_another_version_are_told(home: Path) -> None:
    embedded_postgres.ensure(home)
    embedded_postgres.stop(home)
    version = home / "postgres" / "PG_VERSION"
    present = version.read_text()
    version.write_text("9\n")
    with pytest.raises(Unavailable, match=r"expecting version \d+ but found version 9"):
        embedded_postgres.ensure(home)
    version.write_text(present)


def test_a_command_that_stays_starts_it_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILWEIR_HOME", str(home))
    with open_context() as context:
        os.kill(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]), 9)
        until(lambda: embedded_postgres.clients(home) is None)
        with context.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM accounts")).scalar() == 0


def test_a_link_that_another_user_put_in_place_of_the_sockets_is_not_followed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    name = sha256(os.fsencode((home / "postgres").resolve())).hexdigest()[:16]
    link = Path(gettempdir()) / f"mailweir-{name}"
    link.symlink_to(tmp_path / "victim")
    try:
        with pytest.raises(Unavailable, match=f"{link} is not ours"):
            embedded_postgres.ensure(home)
    finally:
        link.unlink()
    assert (tmp_path / "victim").stat().st_uid == os.geteuid()
    assert list((tmp_path / "victim").iterdir()) == []


def test_the_log_of_the_server_holds_no_mail(home: Path) -> None:
    engine = engine_for(embedded_postgres.ensure(home))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE rows (subject text PRIMARY KEY, uid int)"))
        connection.execute(text("INSERT INTO rows VALUES ('canary', 1)"))
    refused = ["INSERT INTO rows VALUES ('canary', 1)", "SELECT 'canary' FROM nothing", "SELECT 'canary'::int"]
    for statement in refused:
        with engine.connect() as connection, pytest.raises(DBAPIError):
            connection.execute(text(statement))
    with engine.raw_connection().cursor() as cursor, pytest.raises(psycopg2.DataError):
        cursor.copy_expert("COPY rows FROM STDIN", BytesIO(b"canary\tcanary\n"))
    engine.dispose()
    log = (home / "postgres" / "log").read_text()
    assert log.count("ERROR:") == len(refused) + 1
    assert [line for line in log.splitlines() if "canary" in line and "invalid input syntax" not in line] == []


def used_a_while_ago(home: Path) -> None:
    """As if the last command had been given the URL a minute ago."""
    then = time.time() - 60
    os.utime(home / ".postgres.lock", (then, then))
