"""Packages of Debian's for the tests' real components, installed where we may."""

import os
import shutil
from pathlib import Path

from infra.local import cache
from services.common.errors import ConfigurationError

_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # run level 1: no package starts a server


def program(name: str, package: str, what: str) -> Path:
    """Path of a program, whose package is installed when it is missing. Raises ConfigurationError when it stays so."""
    if path_of(name) is None:
        _install(package)
    found = path_of(name)
    if found is None:
        raise ConfigurationError(f"{name} is missing, {what}: apt-get install -y {package}")
    return Path(found)


def path_of(name: str) -> str | None:
    """Where a program is; a user's PATH may lack the folder of servers."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def _install(package: str) -> None:
    """Install one package; does nothing without apt or without the right to. Raises Unavailable when apt fails."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    cache.run("apt-get update", [apt, "update", "-q"])
    cache.run(f"installing {package}", [apt, "install", "-y", "-q", "--no-install-recommends", package], _QUIET)
