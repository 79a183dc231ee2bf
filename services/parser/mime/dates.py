"""Dates of RFC 5322 section 3.3 and what is found in their place. An impossible date is None, never the nearest one."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)  # noqa: SIM905
}
_ZONES = {"ut": 0, "utc": 0, "gmt": 0, "z": None, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6}
_ZONES |= {"pst": -8, "pdt": -7}
_TIME = r"(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d+)?)?"
_ZONE = r"(?:\s*+(?:(?:UTC|GMT|UT)?\s*+([+-])\s?(\d{1,2}):?(\d{2})|([A-Za-z]{1,5})))?"
_DAY_NAME = r"\s*+(?:[^\W\d_]{2,10}\.?\s*+,?\s*+)?,?\s*+"
_USUAL = re.compile(_DAY_NAME + r"(\d{1,2})[\s-]+([A-Za-z]{3,9})\.?,?[\s-]+(\d{2,4}),?\s+" + _TIME + _ZONE)
_CTIME = re.compile(
    r"\s*+(?:[A-Za-z]{3,9},?\s++)?([A-Za-z]{3,9})\s+(\d{1,2}),?\s+(?:(\d{4}),?\s+)?"
    + _TIME
    + _ZONE
    + r"(?:\s+(\d{4}))?"
)
_ISO = re.compile(r"\s*+(\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt]\s*|\s+)" + _TIME + _ZONE)
_LONG = 1_000


@dataclass(frozen=True, slots=True)
class Date:
    """``text`` in ISO 8601 with the offset that was sent (-00:00 when unknown), and the instant."""

    text: str
    instant: datetime


def parse(value: str) -> Date | None:
    """The date that ``value`` states, None when it states none or an impossible one."""
    if len(value) > _LONG:
        value = value[:_LONG]
    if "(" in value:
        value = _uncommented(value)
    if match := _USUAL.match(value):
        day, month, year, *rest = match.groups()
        return _date(_year(year), _MONTHS.get(month[:3].lower()), day, rest)
    if match := _ISO.match(value):
        year, number, day, *rest = match.groups()
        return _date(int(year), int(number), day, rest)
    if match := _CTIME.match(value):
        month, day, year, *rest, late = match.groups()
        return _date(int(year or late or 0), _MONTHS.get(month[:3].lower()), day, rest)
    return None


def received(value: str) -> Date | None:
    """The date of a Received field (RFC 5321 section 4.4): what follows the last semicolon."""
    return parse(value.rpartition(";")[2])


def _year(digits: str) -> int:
    """RFC 5322 section 4.3: two digits below 50 are 20xx, the others and three digits count from 1900."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _date(year: int, month: int | None, day: str, rest: list[str | None]) -> Date | None:
    hour, minute, second, sign, zone_hours, zone_minutes, zone_name = rest
    offset, zone = _zone(sign, zone_hours, zone_minutes, zone_name)
    if month is None or year < 1900 or offset is None:
        return None
    try:
        leap = min(int(second or 0), 59) if second == "60" else int(second or 0)
        local = datetime(year, month, int(day), int(hour or 0), int(minute or 0), leap, tzinfo=UTC)
        instant = local - timedelta(minutes=offset)
    except (ValueError, OverflowError):
        return None
    text = f"{year:04}-{month:02}-{local.day:02}T{local.hour:02}:{local.minute:02}:{local.second:02}{zone}"
    return Date(text, instant)


def _zone(sign: str | None, hours: str | None, minutes: str | None, name: str | None) -> tuple[int | None, str]:
    """Minutes east and the text of it; None when there is no such zone (beyond 14 hours)."""
    if sign and hours and minutes:
        offset = int(hours) * 60 + int(minutes)
        if offset > 14 * 60 or int(minutes) > 59:
            return None, ""
        return (offset if sign == "+" else -offset), f"{sign}{int(hours):02}:{minutes}"
    if not name:
        return 0, "-00:00"
    known = _ZONES.get(name.lower(), None)
    if known is None:
        return 0, "+00:00" if name in {"Z", "z"} else "-00:00"
    return known * 60, f"{'-' if known < 0 else '+'}{abs(known):02}:00"


def _uncommented(value: str) -> str:
    kept: list[str] = []
    depth = 0
    for piece in re.findall(r"\\.|[()]|[^()\\]+|\\", value):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(depth - 1, 0)
            kept.append(" ")
        elif not depth:
            kept.append(piece)
    return "".join(kept)


def zone_of(date: Date) -> timezone:
    """The offset that was sent, as a time zone."""
    found = datetime.fromisoformat(date.text).tzinfo
    return found if isinstance(found, timezone) else UTC
