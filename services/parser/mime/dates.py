"""Dates of RFC 5322 section 3.3 and what is found in their place. An impossible date is None, never the nearest one."""

import re
from datetime import UTC, datetime
from typing import Final

_MONTHS: Final = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)  # noqa: SIM905
}
_CHINESE_MONTH: Final = re.compile(
    r"(?<![^\s-])(?:(1[0-2]|0?[1-9])|(十[一二]?|[一二三四五六七八九]))月(?=[\s,-])", re.ASCII
)
_CHINESE: Final = "一 二 三 四 五 六 七 八 九 十 十一 十二".split()  # noqa: SIM905
_AMERICAN: Final = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
_ZONES: Final[dict[str, int | None]] = {"ut": 0, "utc": 0, "gmt": 0, "z": None, **_AMERICAN}
_TIME: Final = r"(\d{1,2})\s*+[:.]\s*+(\d{1,2})(?:\s*+[:.]\s*+(\d{1,2})(?:[.,]\d+)?)?"
_ZONE: Final = r"(?:\s*+(?:(?:UTC|GMT|UT)?\s*+([+-])\s?(\d[\d:]*+)|([A-Za-z]{1,5})))?"
_DAY_NAME: Final = r"\s*+(?:[^\s\d,;:.-]{2,20}\.?\s*+,?\s*+)?,?\s*+"
_USUAL: Final = re.compile(
    _DAY_NAME + r"(\d{1,2})(?:[\s-]+|\.\s+)([A-Za-z]{3,9})\.?,?[\s-]+(\d{2,4}),?\s+" + _TIME + _ZONE, re.ASCII
)
_CTIME: Final = re.compile(
    r"\s*+(?:[A-Za-z]{3,9},?\s++)?([A-Za-z]{3,9})\s+(\d{1,2}),?\s+(?:(\d{4}),?\s+)?"
    + _TIME
    + _ZONE
    + rf"(?:\s+(\d{{4}}){_ZONE})?",
    re.ASCII,
)
_ISO: Final = re.compile(r"\s*+(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[Tt]\s*|\s+)" + _TIME + _ZONE, re.ASCII)
_STRICT: Final = re.compile(
    r"\s*+(?:[A-Z][a-z]{2}, *+)?(\d\d?) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:[0-5]\d) ([+-]\d\d)([0-5]\d)"
    r"(?: \([^()]*+\))?\s*+",
    re.ASCII,
)
_MONTH_TEXT: Final = {name.title(): f"{number:02}" for name, number in _MONTHS.items()}
_MOST_ZONE: Final = "14:00"
_LONG: Final = 1_000
_LONG_TRACE: Final = 10_000


def parse(value: str) -> str | None:
    """The date that ``value`` states, in ISO 8601 with the offset that was sent (-00:00 when unknown).

    None when it states none, or an impossible one.
    """
    found = _found(value)
    return None if found is None else found[0]


def received(value: str) -> datetime | None:
    """The instant of a Received field (RFC 5321 section 4.4): what follows the last semicolon, comments apart.

    None when that is no date, or one that leaves the calendar in UTC.
    """
    found = _after_semicolon(value)
    if found is None and "(" in value:
        found = _after_semicolon(_uncommented(value[:_LONG_TRACE]))
    try:
        return None if found is None else found[1].astimezone(UTC)
    except OverflowError:
        return None


Found = tuple[str, datetime]


def _after_semicolon(value: str) -> "Found | None":
    return _found(value[value.rfind(";") + 1 :])


def _found(value: str) -> Found | None:
    match = _STRICT.fullmatch(value)
    if match:
        day, name, year, clock, hours, minutes = match.groups()
        month = _MONTH_TEXT.get(name)
        return None if month is None else _checked(f"{year}-{month}-{_two(day)}T{clock}{hours}:{minutes}")
    value = _uncommented(value[:_LONG]) if "(" in value else value[:_LONG]
    return _lenient(_CHINESE_MONTH.sub(_month_name, value, 1) if "月" in value else value)


def _month_name(found: re.Match[str]) -> str:
    """The English name of a month that a program wrote in the language of its user: ``十一月``, ``11月``."""
    number = int(found[1]) if found[1] else _CHINESE.index(found[2]) + 1
    return next(name for name, known in _MONTHS.items() if known == number)


def _two(digits: str) -> str:
    return digits if len(digits) > 1 else f"0{digits}"


def _checked(text: str) -> Found | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    possible = text[-5:] <= _MOST_ZONE and text >= "1900"
    return (text, instant) if possible else None


def _lenient(value: str) -> Found | None:
    if match := _USUAL.match(value):
        day, name, year, *rest = match.groups()
        return _date(_year(year), _MONTHS.get(name[:3].lower()), day, rest)
    if match := _ISO.match(value):
        year, number, day, *rest = match.groups()
        return _date(int(year), int(number), day, rest)
    if match := _CTIME.match(value):
        name, day, year, *rest = match.groups()
        clock, zone, late, late_zone = rest[:3], rest[3:6], rest[6], rest[7:]
        zone = zone if any(zone) else late_zone
        return _date(int(year or late or 0), _MONTHS.get(name[:3].lower()), day, [*clock, *zone])
    return None


def _year(digits: str) -> int:
    """RFC 5322 section 4.3: two digits below 50 are 20xx, the others and three digits count from 1900."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _date(year: int, month: int | None, day: str, rest: list[str | None]) -> Found | None:
    hour, minute, second, sign, offset, zone_name = rest
    zone = _zone(sign, offset, zone_name)
    if month is None or zone is None:
        return None
    seconds = "59" if second == "60" else second or "00"  # a leap second has no place in ISO 8601 as libraries read it
    return _checked(f"{year:04}-{month:02}-{day:0>2}T{hour or '':0>2}:{minute or '':0>2}:{seconds:0>2}{zone}")


def _zone(sign: str | None, offset: str | None, name: str | None) -> str | None:
    """The text of a zone; None when there is no such zone. An offset may lack its minutes (ISO 8601)."""
    if sign and offset:
        digits = offset.replace(":", "")
        digits = digits if len(digits) > 2 else f"{digits}00"
        return f"{sign}{digits[:-2]:0>2}:{digits[-2:]}" if len(digits) < 5 and digits[-2:] < "60" else None
    if name and name.lower() in {"am", "pm"}:
        return None
    known = _ZONES.get(name.lower()) if name else None
    if known is None:
        return "+00:00" if name in {"Z", "z"} else "-00:00"
    return f"{'-' if known < 0 else '+'}{abs(known):02}:00"


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
