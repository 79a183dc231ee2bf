"""mbox files cut into messages while they are read (RFC 4155; the mboxo and mboxrd ways to quote ``From``)."""

import re
from collections.abc import Iterable, Iterator

_TIME, _YEAR = rb"\d{1,2}:\d\d(?::\d\d)?", rb"\b(?:19|20)\d\d"
SEPARATOR = re.compile(
    rb"From \S.*(?:" + _TIME + rb"\b.*" + _YEAR + rb"\b|" + _YEAR + rb"-\d\d-\d\d[T ]" + _TIME + rb")"
)
_QUOTED = re.compile(rb">+From ")
_BLANK = frozenset({b"\n", b"\r\n", b""})


def is_mbox(start: bytes) -> bool:
    """True when the first line that is not empty is a separator with a date, as every mbox has it."""
    return SEPARATOR.match(start.lstrip(b"\r\n")) is not None


def messages(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The messages of an mbox, given line by line with line ends, without separators and quoting.

    A separator stands at the start or after an empty line and carries a date, so that a sentence that begins with
    "From" is text. The empty line before a separator belongs to the mbox. One level of ``>`` before ``From`` is taken
    away, which is right for mboxrd and the best guess for mboxo. The Content-Length of mboxcl is a field like others: a
    wrong one would cost the messages behind it. Memory: one message.
    """
    current: list[bytes] = []
    previous = b""
    started = False
    for line in lines:
        if line.startswith(b"From ") and previous in _BLANK and SEPARATOR.match(line):
            if started:
                yield _joined(current)
            current, started, previous = [], True, line
            continue
        if not started and line in _BLANK:
            continue
        started = True
        previous = line
        current.append(line[1:] if line[:1] == b">" and _QUOTED.match(line) else line)
    if started:
        yield _joined(current)


def _joined(lines: list[bytes]) -> bytes:
    if len(lines) > 1 and lines[-1] in _BLANK:
        lines.pop()
    return b"".join(lines)
