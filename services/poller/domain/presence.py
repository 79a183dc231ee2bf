"""Gone is not deleted: what the absence of listed UIDs means. Pure."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from services.poller.domain.state import Ledger
from services.poller.domain.uidset import EMPTY, UidSet

FEW = 50
SHARE = 0.2


class Observed(Struct, frozen=True):
    """The ledger after a look at the folder, and what changed."""

    ledger: Ledger
    vanished: UidSet = EMPTY
    returned: UidSet = EMPTY
    hidden: UidSet = EMPTY


def observe(ledger: Ledger, seen: UidSet, now: datetime, confirm_after: float) -> Observed:
    """Hold a complete enumeration against the ledger.

    A few absences are believed at once. Many (more than 50 and 20 % of what was there, or all of it) are only noted as
    ``invisible``; they are believed when a later look, at least ``confirm_after`` seconds on, still lacks them.
    UIDs that are listed again have returned and need no download.
    """
    returned = seen & (ledger.vanished | ledger.invisible)
    before = (ledger.listed - ledger.vanished) | seen
    absent = before - seen
    current = replace(ledger, listed=ledger.listed | seen, vanished=ledger.vanished - seen)
    if _believable(ledger, absent, before, now, confirm_after):
        settled = replace(_visible(current), vanished=current.vanished | absent)
        return Observed(settled, vanished=absent, returned=returned)
    since = ledger.invisible_since or now
    return Observed(
        replace(current, invisible=absent, invisible_since=since), returned=returned, hidden=absent - ledger.invisible
    )


def _visible(ledger: Ledger) -> Ledger:
    return replace(ledger, invisible=EMPTY, invisible_since=None)


def _believable(ledger: Ledger, absent: UidSet, before: UidSet, now: datetime, confirm_after: float) -> bool:
    many = len(absent) > max(FEW, SHARE * len(before)) or (len(absent) == len(before) and len(before) > 1)
    if not many:
        return True
    since = ledger.invisible_since
    return since is not None and now - since >= timedelta(seconds=confirm_after)
