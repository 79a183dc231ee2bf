"""What a failure means for the next try of an account that is watched for ever (RFC 5530 section 3). Pure."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from services.poller.domain.schedule import BASE, backoff

Kind = Literal["network", "busy", "quota", "credential", "ambiguous", "person"]
MINUTE = 60.0
LONGEST_BUSY = 86_400.0
CREDENTIAL_WAITS = (15 * MINUTE, 60 * MINUTE)
AMBIGUOUS_WAITS = (5 * MINUTE, 15 * MINUTE, 60 * MINUTE)
PERSON_WAIT = 60 * MINUTE


class Failures(Struct, frozen=True):
    """Failures in a row, counted apart: a broken network must not make a busy server look worse."""

    network: int = 0
    busy: int = 0
    credential: int = 0


class Decision(Struct, frozen=True):
    """``wait`` in seconds, None: until the owner changes something. ``attention``: a person should look."""

    failures: Failures
    wait: float | None
    attention: bool = False


class Pace(Struct, frozen=True):
    """Settings of the account that bear on retries, in seconds; the known waits scale with ``base``."""

    base: float
    longest: float
    most_signins: int


def decide(failures: Failures, kind: Kind, pace: Pace, asked: float, chance: float) -> Decision:
    """The next try after a failure. ``asked``: seconds that the server asked for, 0 when it did not."""
    if kind == "network":
        after = replace(failures, network=failures.network + 1)
        return Decision(after, backoff(after.network, pace.base, pace.longest, chance))
    if kind in ("busy", "quota"):
        after = replace(failures, busy=failures.busy + 1)
        doubled = asked * 2 ** min(after.busy - 1, 10) if kind == "quota" else asked
        wait = max(backoff(after.busy, pace.base, pace.longest, chance), min(doubled, LONGEST_BUSY))
        return Decision(after, wait)
    if kind == "person":
        return Decision(failures, _scaled(PERSON_WAIT, pace), attention=True)
    return _after_refusal(failures, kind, pace)


def _after_refusal(failures: Failures, kind: Kind, pace: Pace) -> Decision:
    """A refused secret is tried a few times far apart, since a fast loop itself leads to locked accounts."""
    after = replace(failures, credential=failures.credential + 1)
    waits = AMBIGUOUS_WAITS if kind == "ambiguous" else CREDENTIAL_WAITS
    if after.credential >= pace.most_signins:
        return Decision(after, None, attention=True)
    wait = waits[min(after.credential, len(waits)) - 1]
    return Decision(after, _scaled(wait, pace), attention=kind == "credential")


def _scaled(wait: float, pace: Pace) -> float:
    return wait * pace.base / BASE
