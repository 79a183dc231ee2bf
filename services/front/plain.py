"""Text of strangers on a terminal: no control character may move the cursor or change the colour."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str | None) -> str:
    """The text with control characters and direction overrides shown as a replacement character."""
    return _CONTROL.sub("�", (text or "").replace("\r\n", "\n"))


def line(text: str | None) -> str:
    """The same on one line."""
    return " ".join(plain(text).split())
