"""What is downloaded or built once: pinned, below ``~/.cache/mailweir``, safe when two processes want it at once."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from services.common.durable import locked
from services.common.errors import ConfigurationError, Unavailable


def folder() -> Path:
    """``MAILWEIR_CACHE``, else ``~/.cache/mailweir``."""
    return Path(os.environ.get("MAILWEIR_CACHE") or "~/.cache/mailweir").expanduser().absolute()


def provided(name: str, make: Callable[[Path], None]) -> Path:
    """The cached folder ``name``; ``make`` fills an empty one that becomes it only when all is there."""
    target = folder() / name
    with locked(folder() / f".{name}.lock"):
        if not target.is_dir():
            fresh = folder() / f".{name}.part"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            make(fresh)
            fresh.rename(target)
    return target


def tool(name: str, purpose: str, advice: str) -> str:
    """Path of a program. Raises ConfigurationError with the command that installs it."""
    path = shutil.which(name)
    if path is None:
        raise ConfigurationError(f"{name} is missing, which {purpose}; install it: {advice}")
    return path


def run(
    what: str,
    command: list[str],
    environment: Mapping[str, str] | None = None,
    given: str = "",
    folder: Path | None = None,
) -> str:
    """Output of a set-up program that works in ``folder``. Raises Unavailable with its last lines when it fails."""
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, input=given, capture_output=True, text=True, check=False,
        cwd=folder,
    )  # fmt: skip
    if done.returncode:
        last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise Unavailable(f"{what} failed (exit {done.returncode}): {last}")
    return done.stdout
