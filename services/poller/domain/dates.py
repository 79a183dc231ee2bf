"""INTERNALDATE as an instant (RFC 9051 section 9, ``date-time``). Never used for a sync decision."""

import re
from datetime import UTC, datetime, timedelta, timezone

_FORM = re.compile(r"^\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$")
_MONTHS = dict(
    zip(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), range(1, 13), strict=True)
)


def parse_internaldate(text: str | None) -> datetime | None:
    """``21-Sep-2026 11:00:00 +0000`` as an instant in UTC; None for anything a server gets wrong."""
    found = _FORM.match(text or "")
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes)) * (-1 if sign == "-" else 1)
    try:
        moment = datetime(
            int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), int(second), tzinfo=timezone(offset)
        )  # fmt: skip
        return moment.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None
