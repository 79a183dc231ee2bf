"""One component or service as a process: what it is, and how it is started, watched and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from infra.local import launch, processes
from infra.local.folders import port_fault
from infra.local.processes import Identity
from services.common.durable import locked
from services.common.environment import PREFIX
from services.common.errors import ConfigurationError, Unavailable

_POLL = 0.05
_PORT_SECONDS = 3.0
_LOG_OCTETS = 20 << 20  # a longer log is moved to NAME.log.1 at the next start


def _nothing() -> None:
    """Preparation of a program that needs none."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program with its folder and ports. Times in seconds.

    ``ready`` speaks the program's real protocol and is false until it answers. ``prepare`` makes data folder,
    configuration and credentials, and may be called again. ``environment`` None is that of the caller without ours.
    """

    name: str
    folder: Path
    command: tuple[str, ...]
    ready: Callable[[], bool]
    prepare: Callable[[], None] = _nothing
    ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    start_seconds: float = 60
    stop_seconds: float = 30

    @property
    def pid_file(self) -> Path:
        """Number and start of the process."""
        return self.folder / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        """All that the program prints."""
        return self.folder / f"{self.name}.log"


def not_ours() -> dict[str, str]:
    """The caller's variables without those of Mailweir: a program outlives the command, and secrets may be in them."""
    return {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}


def running(program: Program) -> Identity | None:
    """Its process while it lives."""
    return processes.recorded(program.pid_file)


def state(program: Program) -> str:
    """``running``, ``unready`` (alive, but it does not answer), ``dead`` (ended by itself) or ``stopped``."""
    if running(program) is None:
        return "dead" if program.pid_file.exists() else "stopped"
    return "running" if program.ready() else "unready"


def start(program: Program) -> bool:
    """Start it unless it runs, and return when it is ready; False when it was.

    Raises:
        ConfigurationError: a port is taken or a tool is missing.
        Unavailable: it ended at once or does not get ready; the text names its log.

    """
    with locked(program.folder / ".lock"):
        fresh = running(program) is None
        if fresh:
            program.prepare()
            _check_ports(program)
            _launch(program)
        _wait_until_ready(program)
        return fresh


def revive(program: Program) -> bool:
    """Start it again if it ended by itself, without waiting until it is ready; True when that was so."""
    with locked(program.folder / ".lock"):
        if state(program) != "dead":
            return False
        _launch(program)
        return True


def stop(program: Program) -> bool:
    """End it in its own orderly way, by force after ``stop_seconds``; False when it did not run."""
    with locked(program.folder / ".lock"):
        process = running(program)
        if process is not None:
            family = processes.tree(process)
            processes.send_to_tree(process, signal.SIGCONT)
            processes.send(process, program.stop_signal)
            if not _gone(process, program.stop_seconds):
                for member in family:
                    processes.send(member, signal.SIGKILL)
                _gone(process, 5)
        program.pid_file.unlink(missing_ok=True)
        return process is not None


def kill(program: Program) -> None:
    """SIGKILL to it and all its children at once: a crash. Raises Unavailable when it does not run."""
    family = processes.tree(_required(program))
    for member in family:
        processes.send(member, signal.SIGKILL)
    for member in family:
        _gone(member, 5)


def pause(program: Program) -> None:
    """SIGSTOP: connections stay open and nobody answers, as behind a broken network."""
    family = processes.tree(_required(program))
    for member in family:
        processes.send(member, signal.SIGSTOP)
    _until(lambda: all(map(processes.paused, family)), 2)


def resume(program: Program) -> None:
    """Undo :func:`pause`."""
    processes.send_to_tree(_required(program), signal.SIGCONT)


def last_line(program: Program) -> str:
    """The last line of its log that says something, cut to 300 characters."""
    try:
        with program.log_file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


def _required(program: Program) -> Identity:
    process = running(program)
    if process is None:
        raise Unavailable(f"{program.name} does not run; see {program.log_file}")
    return process


def _check_ports(program: Program) -> None:
    """A process that was just killed may hold its port for a moment, so a port gets some time to become free."""
    for purpose, port in program.ports.items():
        if not _until(partial(_free, port), _PORT_SECONDS):
            raise ConfigurationError(
                f"{program.name}: port {port} ({purpose}) cannot be used ({port_fault(port)}): stop what uses it,"
                f" or choose another in {program.folder / 'ports.json'}"
            )


def _free(port: int) -> bool:
    return port_fault(port) is None


def _launch(program: Program) -> None:
    if program.log_file.exists() and program.log_file.stat().st_size > _LOG_OCTETS:
        program.log_file.replace(program.log_file.with_suffix(".log.1"))
    environment = not_ours() if program.environment is None else program.environment
    wanted = {
        "command": program.command,
        "environment": dict(environment),
        "folder": str(program.folder),
        "log": str(program.log_file),
        "pid_file": str(program.pid_file),
        "user": program.user,
    }
    python = [sys.executable, "-I", "-S", launch.__file__]
    done = subprocess.run(python, input=json.dumps(wanted), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{program.name} cannot be started: {done.stderr.strip()}")


def _wait_until_ready(program: Program) -> None:
    deadline = time.monotonic() + program.start_seconds
    while not program.ready():
        if running(program) is None:
            raise Unavailable(f"{program.name} ended while it started: {last_line(program)} (log: {program.log_file})")
        if time.monotonic() > deadline:
            raise Unavailable(
                f"{program.name} is not ready after {program.start_seconds:.0f} s: {last_line(program)}"
                f" (log: {program.log_file})"
            )
        time.sleep(_POLL)


def _gone(process: Identity, seconds: float) -> bool:
    return _until(lambda: processes.identity(process.pid) != process, seconds)


def _until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL / 2)
    return True
