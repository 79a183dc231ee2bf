"""UIDVALIDITY decisions (RFC 3501 section 2.3.1.1). Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum

NONE = 0
MOST_CHANGES_A_DAY = 5


class Verdict(Enum):
    """What a UIDVALIDITY means for a folder that we know."""

    FIRST = "first"
    SAME = "same"
    NEW_EPOCH = "new-epoch"
    KNOWN_EPOCH = "known-epoch"
    DOUBTFUL = "doubtful"
    FLAPPING = "flapping"


def judge(
    known: int | None, seen: int | None, epochs: Collection[int], changes: Collection[datetime], now: datetime
) -> Verdict:
    """Compare the stored value with the one of EXAMINE; a missing one counts as 0.

    A smaller value is doubtful: it is read again on a new connection before it is believed. A value that an earlier
    epoch had returns to that epoch. More than five changes a day pause the folder: several back-ends disagree.
    """
    value = NONE if seen is None else seen
    if known is None:
        return Verdict.FIRST
    if value == known:
        return Verdict.SAME
    recent = [change for change in changes if now - change < timedelta(days=1)]
    if len(recent) >= MOST_CHANGES_A_DAY:
        return Verdict.FLAPPING
    if value in epochs:
        return Verdict.KNOWN_EPOCH
    return Verdict.DOUBTFUL if value < known else Verdict.NEW_EPOCH
