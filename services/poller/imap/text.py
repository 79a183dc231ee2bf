"""Text of servers, made safe to show and to log."""

import unicodedata

MAX_TEXT = 300


def clean(raw: bytes) -> str:
    """Server text: UTF-8, else GB18030 with replacement; control and format characters out; at most 300 characters.

    Chinese servers send GBK in status lines; format characters would let a text reverse or forge a log line.
    """
    cut = raw[: 8 * MAX_TEXT]
    if cut.isascii() and (plain := cut.decode("ascii")).isprintable():
        return plain.strip()[:MAX_TEXT]
    text = "".join(c for c in decode(cut) if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})
    return text.strip()[:MAX_TEXT]


def decode(raw: bytes) -> str:
    """Bytes as UTF-8, else as GB18030 with replacement characters."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")
