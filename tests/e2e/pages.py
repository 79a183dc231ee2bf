"""What holds for every page of the console, asked of a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Request

from infra import assets
from tests.e2e.browser import PATIENCE

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_STILL = """() => document.getAnimations().every((each) =>
    each.timeline !== document.timeline || each.playState !== "running"
    || each.effect.getComputedTiming().iterations === Infinity)"""


@dataclass
class Window:
    """A window of a signed-in person. ``strayed``: addresses that were asked for beyond the console."""

    page: Page
    origin: str
    strayed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """The page at a path, loaded and quiet. A page that polls is never idle, so loaded is enough."""
        self.page.goto(f"{self.origin}{path}", wait_until="load")
        return self.page


@contextmanager
def window(
    browser: Browser, origin: str, cookies: dict[str, str], width: int = 1280, theme: str = "light", lang: str = "en-GB"
) -> Iterator[Window]:
    """A window of this size in this theme; the content rules stay in force, also for the test's own scripts."""
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if theme == "dark" else "light",
        locale=lang,
    )
    context.set_default_timeout(PATIENCE)
    context.add_cookies([{"name": name, "value": value, "url": origin} for name, value in cookies.items()])
    shown = Window(context.new_page(), origin)
    shown.page.on("request", lambda request: _note(shown, request))
    shown.page.on("console", lambda said: shown.complaints.append(said.text) if said.type == "error" else None)
    shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
    try:
        yield shown
    finally:
        context.close()


def _note(shown: Window, request: Request) -> None:
    if not request.url.startswith((shown.origin, "data:")):
        shown.strayed.append(request.url)


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong once nothing fades in any more: rule, help text, and the first element."""
    page.wait_for_function(_STILL)
    page.evaluate((assets.modules() / "axe-core" / "axe.min.js").read_text("utf-8"))
    found: dict[str, Any] = page.evaluate("rules => axe.run(document, rules)", _RULES)
    return [f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


def overflows(page: Page) -> bool:
    """Whether the page is wider than its window, so that it must be pushed sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def covered(page: Page) -> list[str]:
    """Headings, links and buttons in view that something else lies upon."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, main a, main button, main progress")].filter((shown) => {
            const box = shown.getBoundingClientRect();
            if (!box.width || box.bottom > innerHeight || box.top < 0) return false;
            const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
            return !shown.contains(top) && !top.contains(shown);
        }).map((shown) => shown.outerHTML.slice(0, 200))"""
    )
    return found
