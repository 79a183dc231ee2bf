"""Debian's Chromium for tests of pages: driven without a window, with an empty profile, and quiet towards the world."""

import shutil
from pathlib import Path

from infra.local import apt
from services.common.errors import ConfigurationError

ARGUMENTS = (
    "--no-sandbox",  # the tests run as root, where Chromium refuses its own sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def install() -> Path:
    """Path of the browser, installed by apt when missing. Raises ConfigurationError when that cannot be done."""
    if shutil.which("chromium") is None:
        apt.install("chromium")
    found = shutil.which("chromium")
    if found is None:
        raise ConfigurationError("chromium is missing, the browser of the tests: apt-get install -y chromium")
    return Path(found)
