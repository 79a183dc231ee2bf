"""Texts of the pages in English and Chinese, from ``texts/<language>.toml``; a key is ``section.name``."""

import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["en", "zh"]
Lookup = Callable[..., str]
LANGUAGES: Sequence[Language] = ("en", "zh")


def lookup(language: Language) -> Lookup:
    """``t("section.name", count=3)``: the text with its ``{count}`` filled in. Raises KeyError for an unknown key."""
    texts = load(language)

    def t(key: str, **values: object) -> str:
        found = texts[key]
        return found.format(**values) if values else found

    return t


@cache
def load(language: Language) -> dict[str, str]:
    """All texts of a language by ``section.name``."""
    sections = tomllib.loads(files("services.console").joinpath("texts", f"{language}.toml").read_text("utf-8"))
    return {f"{section}.{name}": text for section, texts in sections.items() for name, text in texts.items()}


def preferred(header: str) -> Language:
    """The first of our languages in an Accept-Language header (RFC 9110 section 12.5.4), by weight; else English."""
    weighted = sorted(map(_weight, header.split(",")), key=lambda pair: -pair[1])
    tags = (tag.partition("-")[0].lower() for tag, weight in weighted if weight > 0)
    return next((language for tag in tags for language in LANGUAGES if tag == language), "en")


def _weight(entry: str) -> tuple[str, float]:
    tag, _, parameter = entry.strip().partition(";")
    try:
        return tag.strip(), float(parameter.replace(" ", "").removeprefix("q=") or 1)
    except ValueError:
        return tag.strip(), 0.0
