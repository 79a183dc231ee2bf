"""Start one program that outlives its starter: own session, output into a log, rights of another user if wanted.

A script, run with the standard library alone: a specification in JSON on stdin, the pid on stdout. The program is no
child of the command that wanted it, so nothing has to wait for it and it never stays behind as a zombie of ours.
"""

import json
import os
import pwd
import sys
from typing import Any


def main() -> None:
    """Fork, tell the pid, leave."""
    wanted = json.load(sys.stdin)
    pid = os.fork()
    if pid:
        print(pid)
        return
    try:
        _become(wanted)
        os.execve(wanted["command"][0], wanted["command"], wanted["environment"])  # noqa: S606 -- that is its purpose
    except OSError as error:
        print(f"{wanted['command'][0]}: {error.strerror}", file=sys.stderr, flush=True)
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
    if wanted["user"]:
        user = pwd.getpwnam(wanted["user"])
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


if __name__ == "__main__":
    main()
