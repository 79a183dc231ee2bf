"""Both languages say the same things, and pages ask for texts that exist."""

import re
from importlib.resources import files
from string import Formatter

import pytest

from services.console.texts import load, lookup, preferred

_ASKED = re.compile(r"""\bt\(["']([a-z_]+\.[a-z_]+)["'](?! ~)""")


def test_both_languages_have_the_same_keys() -> None:
    assert load("en").keys() == load("zh").keys()


@pytest.mark.parametrize("key", sorted(load("en")))
def test_both_languages_fill_in_the_same_values(key: str) -> None:
    assert _values(load("en")[key]) == _values(load("zh")[key])
    assert load("zh")[key].strip()


def _values(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_text_that_a_page_asks_for_exists() -> None:
    templates = files("services.console") / "templates"
    asked = {(page.name, key) for page in templates.iterdir() for key in _ASKED.findall(page.read_text("utf-8"))}
    assert len(asked) > 50
    assert {(page, key) for page, key in asked if key not in load("en")} == set()


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(KeyError):
        lookup("en")("no.such")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr, en;q=0.5, zh;q=0.7", "zh"),
        ("zh;q=0, en", "en"),
        ("x;q=y", "en"),
    ],
)
def test_the_browser_says_which_language(header: str, language: str) -> None:
    assert preferred(header) == language
