"""A real browser for tests: Debian's Chromium without a window, a fresh profile each time."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from infra.local import browser

PATIENCE = 60_000  # milliseconds; what a page waits for comes at once on a quiet machine
expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium until the block ends."""
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=str(browser.install()), args=list(browser.ARGUMENTS))
        try:
            yield running
        finally:
            running.close()
