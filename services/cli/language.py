"""The language of advice: Chinese where the locale says so, else English."""

import os
from collections.abc import Mapping
from typing import Literal


def language(environ: Mapping[str, str] = os.environ) -> Literal["en", "zh"]:
    """By the first of LC_ALL, LC_MESSAGES and LANG that is set."""
    name = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "zh" if name.lower().startswith("zh") else "en"
