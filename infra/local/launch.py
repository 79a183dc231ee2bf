"""Start one program that outlives its starter: own session, output into a log, rights of another user if wanted.

A script, run with the standard library alone: a specification in JSON on stdin; exit code 1 and why on stderr when it
cannot be started. The program is no child of the command that wanted it, so nothing has to wait for it and it never
stays behind as a zombie of ours. It writes its pid file itself, before it becomes the program: whatever happens to the
starter or its disk, nothing runs that nobody knows.
"""

import json
import os
import pwd
import sys
from typing import Any


def main() -> None:
    """Fork, leave when the program runs."""
    wanted = json.load(sys.stdin)
    hear, tell = os.pipe()  # closed without a word when the program begins
    if os.fork():
        os.close(tell)
        with os.fdopen(hear) as told:
            sys.exit(told.read() or None)
    try:
        _become(wanted)
        os.execve(wanted["command"][0], wanted["command"], wanted["environment"])  # noqa: S606 -- that is its purpose
    except OSError as error:
        os.write(tell, f"{error.filename or wanted['command'][0]}: {error.strerror}".encode())
    finally:
        os._exit(127)


def _become(wanted: dict[str, Any]) -> None:
    os.setsid()
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(wanted["folder"])
    _record(wanted["pid_file"])
    if wanted["user"]:
        user = pwd.getpwnam(wanted["user"])
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


def _record(pid_file: str) -> None:
    """Number and start of this process, as ``processes`` reads them."""
    with open("/proc/self/stat", errors="replace") as file:  # noqa: PTH123 -- it starts for each program, without pathlib
        started = file.read().rpartition(")")[2].split()[19]
    fresh = f"{pid_file}.new"
    with open(fresh, "w") as file:  # noqa: PTH123
        file.write(f"{os.getpid()} {started}\n")
    os.replace(fresh, pid_file)  # noqa: PTH105


if __name__ == "__main__":
    main()
