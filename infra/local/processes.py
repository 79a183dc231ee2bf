"""Processes that are surely ours: a pid counts only together with the moment its process began (proc(5), field 22)."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.common.durable import replace


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: number, and start in clock ticks since boot. A reused number has another start."""

    pid: int
    started: int


def identity(pid: int) -> Identity | None:
    """The living process of that number; None for none and for a zombie."""
    fields = _stat(pid)
    return None if not fields or fields[0] in "ZX" else Identity(pid, int(fields[19]))


def paused(process: Identity) -> bool:
    """Whether it is stopped by a signal (state T)."""
    fields = _stat(process.pid)
    return bool(fields) and fields[0] == "T"


def recorded(pid_file: Path) -> Identity | None:
    """The process of a pid file while it lives."""
    try:
        pid, started = map(int, pid_file.read_text().split())
    except (OSError, ValueError):
        return None
    found = Identity(pid, started)
    return found if identity(pid) == found else None


def record(pid_file: Path, process: Identity) -> None:
    """Write a pid file: number and start, as a program that starts does itself (``launch``)."""
    replace(pid_file, f"{process.pid} {process.started}\n")


def send(process: Identity, number: signal.Signals) -> None:
    """Send a signal to the process alone; nothing happens when it is gone."""
    if identity(process.pid) == process:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def send_to_tree(process: Identity, number: signal.Signals) -> None:
    """Send a signal to the process and to all that it started, the first one first."""
    for member in tree(process):
        send(member, number)


def tree(process: Identity) -> list[Identity]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    pids = [process.pid]
    for pid in pids:
        pids.extend(children.get(pid, []))
    return [found for pid in pids if (found := identity(pid)) is not None]


def _stat(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` from the state on, which follows the name in brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
