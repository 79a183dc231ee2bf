"""Figures as people read them: numbers, sizes, times, shares and the bars of a plot. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from services.console.texts import Lookup

_STEPS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))
_SIZES = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of a plot in units of its view box; ``y`` is the upper edge."""

    day: date
    count: int
    x: float
    y: float
    width: float
    height: float


def number(value: int) -> str:
    """Thousands apart, as both languages write them."""
    return f"{value:,}"


def octets(value: int) -> str:
    """A size with three digits at most."""
    size, unit = float(value), 0
    while size >= 999.5 and unit < len(_SIZES) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_SIZES[unit]}" if unit == 0 or size >= 99.95 else f"{size:.1f} {_SIZES[unit]}"


def ago(moment: datetime, now: datetime, t: Lookup) -> str:
    """How long since a moment, or until it: ``3 min ago``, ``in 2 h``."""
    seconds = (now - moment).total_seconds()
    side = "past" if seconds >= 0 else "future"
    for length, name in _STEPS:
        if abs(seconds) >= length:
            return t(f"time.{name}_{side}", count=int(abs(seconds) // length))
    return t("time.now") if seconds >= 0 else t("time.soon")


def lasting(seconds: float, t: Lookup) -> str:
    """A length of time, rounded up to minutes or hours."""
    if seconds <= 60:
        return t("time.within_minute")
    if seconds <= 5_400:
        return t("time.minutes", count=-(-int(seconds) // 60))
    return t("time.hours", count=-(-int(seconds) // 3_600))


def estimate(left: int, lately: int, window: float) -> float | None:
    """Seconds until ``left`` messages are stored at the pace of the last ``window`` seconds, None at a standstill."""
    return left * window / lately if left and lately else None


def pause(left: int, took: float) -> str:
    """How long an open page waits: 2 s while something is left, else 10 s, and never under 20 times the work."""
    return f"{max(2 if left else 10, math.ceil(took * 20))}s"


def days(since: date, until: date) -> Sequence[date]:
    """Every day of a span, both ends included."""
    return [since + timedelta(days=count) for count in range((until - since).days + 1)]


def bars(counts: Mapping[date, int], span: Sequence[date], width: float, height: float) -> Sequence[Bar]:
    """A bar for each day; the highest fills the height, and a day with any mail is never drawn as nothing."""
    most = max((counts.get(day, 0) for day in span), default=0)
    step = width / max(len(span), 1)
    return [_bar(day, counts.get(day, 0), most, place * step, step, height) for place, day in enumerate(span)]


def _bar(day: date, count: int, most: int, left: float, step: float, height: float) -> Bar:
    tall = max(2.0, height * count / most) if count else 0.0
    return Bar(day, count, round(left + step * 0.1, 2), round(height - tall, 2), round(step * 0.8, 2), round(tall, 2))
