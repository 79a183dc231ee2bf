"""The day under which a raw message is filed: told by its content, so that one content has one key."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

UNDATED = "undated"
HEAD_OCTETS = 65_536
_RECEIVED = re.compile(rb"\nReceived[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)", re.IGNORECASE)
_DATE = re.compile(rb"\nDate[ \t]*:((?:[^\n]*\n[ \t])*[^\n]*)", re.IGNORECASE)


def message_day(block: bytes) -> str:
    """``yyyy/mm/dd`` in UTC of the newest Received field of a header block, else of Date, else ``undated``."""
    received = _RECEIVED.search(block)
    day = _day(received.group(1).rpartition(b";")[2]) if received else None
    if day is None and (dated := _DATE.search(block)):
        day = _day(dated.group(1))
    return day or UNDATED


def header_block(head: bytes) -> bytes:
    """The header fields at the start of a message, each after a line end: a search for one begins at something rare.

    At most 64 KiB of ``head`` are looked at.
    """
    head = head[:HEAD_OCTETS]
    crlf = head.find(b"\n\r\n")
    end = head.find(b"\n\n", 0, crlf + 1 if crlf >= 0 else len(head))
    end = end if end >= 0 else crlf
    return b"\n" + (head[: end + 1] if end >= 0 else head)


def _day(stamp: bytes) -> str | None:
    try:
        parsed = parsedate_tz(stamp.decode("ascii", "replace"))
        if parsed is None:
            return None
        offset = timedelta(seconds=parsed[9] or 0)
        day = datetime(*parsed[:6], tzinfo=UTC) - offset
        return f"{day.year}/{day.month:02}/{day.day:02}" if parsed[0] >= 1970 else None
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
