"""Packages of Debian's for the tests' real components, installed where we may."""

import os
import shutil

from infra.local import cache

_QUIET = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # run level 1: no package starts a server


def install(package: str) -> None:
    """Install one package; does nothing without apt or without the right to. Raises Unavailable when apt fails."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    cache.run("apt-get update", [apt, "update", "-q"])
    cache.run(f"installing {package}", [apt, "install", "-y", "-q", "--no-install-recommends", package], _QUIET)
