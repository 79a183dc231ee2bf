"""What the poller knows of a folder: record, ledger, listing, quarantine, rest. Frozen; changes make new values."""

from datetime import datetime

from msgspec import Struct

from services.poller.domain.uidset import EMPTY, UidSet

FlagSets = dict[str, UidSet]


class FolderRecord(Struct, frozen=True, kw_only=True):
    """One folder of one account. ``sequence`` grows with every event about it.

    ``state``: active, absent (not listed at the last look), gone (confirmed), skipped (not chosen), forbidden, paused.
    ``samples``: UID to SHA-256 of a few messages, to tell a folder from another one that took its name.
    """

    id: str
    account: str
    wire: bytes
    name: str
    delimiter: str | None = None
    special_use: str | None = None
    mailboxid: str | None = None
    state: str = "active"
    uidvalidity: int | None = None
    epoch: int = 1
    sequence: int = 0
    uidnext_done: int | None = None
    modseq_done: int | None = None
    server_count: int | None = None
    full_pass_at: datetime | None = None
    pass_at: datetime | None = None
    absent_since: datetime | None = None
    last_error: str | None = None
    samples: dict[str, str] = {}
    epoch_changes: tuple[datetime, ...] = ()

    @property
    def key(self) -> tuple[str, int]:
        """The folder and epoch: between them a UID names one message."""
        return self.id, self.epoch


class Ledger(Struct, frozen=True, kw_only=True):
    """The UID sets of one folder and epoch (docs/sync.md). ``invisible``: gone from sight, not yet believed."""

    uidvalidity: int
    listed: UidSet = EMPTY
    published: UidSet = EMPTY
    vanished: UidSet = EMPTY
    invisible: UidSet = EMPTY
    invisible_since: datetime | None = None
    flags: FlagSets = {}

    def missing(self, quarantined: UidSet) -> UidSet:
        """Listed - published - quarantined - vanished: empty, or the sync is not complete."""
        return self.listed - self.published - quarantined - self.vanished


class Listed(Struct, frozen=True):
    """What the server lists. ``complete``: as many UIDs as it says exist, or more.

    ``flagged``: UIDs whose flags were told. ``whole``: every UID was asked for, nothing was concluded from counters.
    ``sizes``: octets by UID, as far as they were told along with the rest. ``behind``: a change is counted that was
    not shown.
    """

    uids: UidSet
    flags: dict[str, UidSet]
    complete: bool
    flagged: UidSet
    whole: bool = True
    sizes: dict[int, int] = {}
    behind: bool = False


class Outcome(Struct, frozen=True):
    """How a pass ended: the record as saved, and the numbers of its ledger."""

    record: FolderRecord
    listed: int
    published: int
    quarantined: int
    missing: int


class Rest(Struct, frozen=True):
    """How often in a row nothing came, why, and the moment (monotonic seconds) before which nothing is asked for."""

    times: int
    reason: str
    until: float


class Quarantined(Struct, frozen=True, kw_only=True):
    """A UID that could not be retrieved: why, how often, when it is tried again."""

    uid: int
    reason: str
    detail: str = ""
    attempts: int = 1
    next_try: datetime | None = None
