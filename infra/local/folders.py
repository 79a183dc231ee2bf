"""Ports that a folder keeps, generated credentials, and folders that another user can reach."""

import json
import os
import pwd
import secrets
import socket
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from services.common.durable import create, locked, replace
from services.common.errors import ConfigurationError

_FIRST, _LAST = 15_000, 32_000  # below the range from which Linux takes ports for outgoing connections
_STEPS = count(secrets.randbelow(_LAST - _FIRST))  # every process begins somewhere else


def ports(folder: Path, purposes: Sequence[str], wanted: Mapping[str, int] | None = None) -> dict[str, int]:
    """A port of 127.0.0.1 for each purpose: those of ``wanted``, else those of last time, else free ones.

    Remembered in ``folder/ports.json``, which people may edit. Raises ConfigurationError when it is unreadable.
    """
    path, given = folder / "ports.json", wanted or {}
    known = _known(path)
    if set(known) == set(purposes) and known.items() >= given.items():
        return known
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    with locked(folder / ".ports.lock"):  # of two commands that are the first, the second takes what the first chose
        known = _known(path)
        chosen = {purpose: given.get(purpose) or known.get(purpose) or free_port() for purpose in purposes}
        replace(path, json.dumps(chosen) + "\n")
    return chosen


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, and that was not given before: it may be used only later."""
    candidates = (_FIRST + step % (_LAST - _FIRST) for step in _STEPS)
    return next(port for port in candidates if not port_fault(port))


def port_fault(port: int) -> str | None:
    """Why nobody can listen on a port of 127.0.0.1, or None."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return None
    except OSError as error:
        return error.strerror or type(error).__name__


def secret(path: Path, text: str | None = None) -> str:
    """The text of a file with mode 0600, written once: ``text``, else 24 random octets in base64url."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        create(path, text if text is not None else secrets.token_urlsafe(24), 0o600)
    return path.read_text()


def make_reachable(path: Path) -> None:
    """Let other users pass through the parents of ``path`` (not list them), as far as they are ours."""
    for parent in path.resolve().parents:
        status = parent.stat()
        if not status.st_mode & 0o001 and status.st_uid == os.geteuid():
            parent.chmod(status.st_mode | 0o011)


def give_to(path: Path, user: str) -> None:
    """Make a user the owner of a file or an empty folder."""
    found = pwd.getpwnam(user)
    os.chown(path, found.pw_uid, found.pw_gid)


def _known(path: Path) -> dict[str, int]:
    try:
        found = {str(purpose): int(port) for purpose, port in json.loads(path.read_text()).items()}
        if not all(0 < port < 65_536 for port in found.values()):
            raise ValueError
        return found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path}: not a table of ports ({type(error).__name__}); mend or remove it") from None
