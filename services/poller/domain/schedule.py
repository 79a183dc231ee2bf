"""When to try again: back-off with jitter, quarantine on a slow schedule, a least pause between sign-ins. Pure."""

from datetime import datetime, timedelta

BASE = 5.0  # the default of ``backoff_base``, for which the known waits are meant
QUARANTINE_WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7))


def backoff(failures: int, base: float, cap: float, chance: float) -> float:
    """Seconds before the next try after ``failures`` in a row; ``chance`` in [0, 1) spreads it over its upper half."""
    bound: float = min(cap, base * 2.0 ** min(max(failures - 1, 0), 30))
    return bound * (0.5 + chance / 2)


def quarantine_until(now: datetime, attempts: int) -> datetime:
    """When a quarantined UID is tried again after its ``attempts``-th stay: 1 h, 6 h, 1 d, then every 7 d."""
    return now + QUARANTINE_WAITS[min(max(attempts, 1), len(QUARANTINE_WAITS)) - 1]


def asked_wait(wait: float, text: str, base: float) -> float:
    """Seconds to wait when a server limits us: what it says, else what is known of its kind, scaled by ``base``."""
    said = "backoff time" in text.lower()
    return wait if said else wait * base / BASE
