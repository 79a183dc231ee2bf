"""What the poller needs from outside, as small protocols. The publisher is ``services.common.service.Publisher``."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from services.poller.domain.state import FolderRecord, Ledger, Quarantined


class LedgerStore(Protocol):
    """Durable memory of the poller. Blocking; callers use threads. Every method may raise ``Unavailable``."""

    def check(self) -> None:
        """Raise LeaseLost when somebody else works on the account, or erases it, since this one was given it."""

    def folders(self, account: str) -> list[FolderRecord]:
        """All folders of an account that are not gone."""

    def folder(self, folder_id: str) -> FolderRecord | None:
        """One folder; None when it is unknown or gone."""

    def save_folder(self, record: FolderRecord) -> None:
        """Insert or update one folder."""

    def note_looks(self, looks: Mapping[str, datetime]) -> None:
        """Remember when folders, by id, were found unchanged."""

    def ledger(self, folder_id: str, epoch: int, uidvalidity: int) -> Ledger:
        """The ledger of one epoch; an empty one for a new epoch."""

    def save_ledger(self, folder_id: str, epoch: int, ledger: Ledger) -> None:
        """Replace all sets but ``published``, which only grows by ``add_published``."""

    def add_published(self, folder_id: str, epoch: int, contents: Mapping[int, str]) -> None:
        """Count UIDs (with the SHA-256 of their bytes) as published: call it only when delivery is confirmed."""

    def spend(self, account: str, day: date, octets: int) -> None:
        """Add to the octets that an account took from its provider on a day (UTC)."""

    def spent(self, account: str, day: date) -> int:
        """Octets taken on a day."""

    def last_report(self, account: str) -> int:
        """Number of the stored state of an account; 0 without one."""

    def habits(self, account: str) -> Mapping[str, datetime]:
        """What the account's server is known to do, and since when."""

    def note_habit(self, account: str, habit: str, now: datetime) -> None:
        """Remember a habit as noticed now."""

    def forget_habit(self, account: str, habit: str) -> None:
        """It is not so any more."""

    def epochs(self, folder_id: str) -> Mapping[int, int]:
        """UIDVALIDITY to epoch, for every epoch that the folder ever had."""

    def lost(self, account: str, wire: str, plain: str) -> tuple[str, int, int] | None:
        """Id, UIDVALIDITY and epoch of a folder of which all but its record is known; by its raw name or first id."""

    def quarantine(self, folder_id: str, epoch: int) -> Mapping[int, Quarantined]:
        """Quarantined UIDs of one epoch."""

    def attempts(self, folder_id: str, epoch: int, uid: int) -> int:
        """How often a UID went into quarantine; 0 for one that is not there."""

    def put_quarantine(self, folder_id: str, epoch: int, entry: Quarantined) -> None:
        """Insert or update one entry."""


class Contents(Protocol):
    """What is stored already. Blocking; may raise ``Unavailable``."""

    def known(self, account: str, folder_id: str, ids: Sequence[str]) -> Mapping[tuple[str, datetime, int], str]:
        """SHA-256 by (Message-ID, INTERNALDATE, size) of stored mail of a folder; only where it is the only one."""

    def at(self, folder_id: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, str]:
        """SHA-256 of what is stored for these UIDs of a folder, by UID."""
