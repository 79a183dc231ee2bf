"""Debian's Chromium for tests of pages: driven without a window, with an empty profile, and quiet towards the world."""

from pathlib import Path

from infra.local import apt

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
    return apt.program("chromium", "chromium", "the browser of the tests")
