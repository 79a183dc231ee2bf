"""What one account's task works with, and what it remembers between passes and connections."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.common.accounts.store import Account
from services.common.clock import Clock
from services.common.errors import ContractViolated
from services.common.events import AccessAudited, Event, UidValidityChanged
from services.common.objects import ObjectStore
from services.common.service import Publisher
from services.poller.domain.state import FolderRecord, Rest
from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import ImapError, Refused
from services.poller.imap.model import FolderStatus
from services.poller.ports import Contents, LedgerStore
from services.poller.resuming import Run
from services.poller.turns import Turns

Key = tuple[str, int, int]
MOST_STEPS = 20
MOST_CONTENTS = 50_000
NO_ID, ONE_BY_ONE = "id-ends-connection", "wants-one-command-at-a-time"
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a sync, for whoever watches: ``wanted`` and ``done`` are messages of this folder's pass."""

    account: str
    folder: str
    wanted: int
    done: int
    octets: int


def unknown_end() -> datetime | None:
    """Nothing is known of the end of the grant or code."""
    return None


def silent(_progress: Progress) -> None:
    """Nobody watches."""


def unnoticed(_failure: Exception | None) -> None:
    """Nobody asks whether the world answers."""


@dataclass(slots=True)
class Memory:
    """What is remembered in this process only; a restart forgets it and is none the worse.

    ``suspects``: failures in a row of one UID. ``empties``: the connection on which a body was first seen empty.
    ``moved``: what was said of a new epoch, to be completed by what its first pass linked and fetched.
    ``doubtful``: groups of UIDs that were asked for when a connection went; they are asked for apart from the others.
    ``habits``: what the server is known to do, from the ledger. ``marked``: looks in a row that marked mail as read.
    ``contents``: mark (see ``samples``) and size by the server's name for them.
    ``verified``: when (monotonic) known mail of a folder, by id, was last compared.
    ``looks``: when folders were found unchanged, by id, to be noted together.
    ``rests``: folders of which no message comes. ``probed``: messages whose size was doubted and looked at.
    ``unseen``: messages that were not listed any more when they were asked for alone.
    ``unlisted``: what was wrong with the folder list. ``avoids_plain``: AUTHENTICATE PLAIN ended the last connection.
    ``behind``: the HIGHESTMODSEQ of a folder, by id, that counts what is not shown, and since when (monotonic).
    ``warned``: texts of the server that were told already.
    ``changes`` counts looks that found flags changed, or mail gone or back; ``published`` counts messages and
    ``steps`` what was found out since, to tell progress from running in circles.
    """

    suspects: dict[Key, int] = field(default_factory=dict)
    empties: dict[Key, int] = field(default_factory=dict)
    doubtful: dict[tuple[str, int], list[UidSet]] = field(default_factory=dict)
    steps: int = 0
    connection: int = 0
    published: int = 0
    changes: int = 0
    doubted: dict[str, int] = field(default_factory=dict)
    moved: dict[str, UidValidityChanged] = field(default_factory=dict)
    relinked: Counter[str] = field(default_factory=Counter)
    verified: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, FolderStatus] = field(default_factory=dict)
    looks: dict[str, datetime] = field(default_factory=dict)
    behind: dict[str, tuple[int, float]] = field(default_factory=dict)
    alert: str = ""
    warned: set[str] = field(default_factory=set)
    habits: dict[str, datetime] = field(default_factory=dict)
    marked: int = 0
    contents: dict[str, tuple[str, int]] = field(default_factory=dict)
    rests: dict[tuple[str, int], Rest] = field(default_factory=dict)
    probed: set[Key] = field(default_factory=set)
    unseen: set[Key] = field(default_factory=set)
    unlisted: ImapError | None = None
    avoids_plain: bool = False
    audits: int = 0
    sequence: int = 0
    run: Run = field(default_factory=Run)

    def share(self, contents: dict[str, tuple[str, int]]) -> None:
        """Remember contents for their other places; the oldest are forgotten."""
        self.contents |= contents
        while len(self.contents) > MOST_CONTENTS:
            del self.contents[next(iter(self.contents))]

    def suspected(self, key: tuple[str, int]) -> UidSet:
        """UIDs of a folder and epoch that failed, and are not in quarantine yet."""
        return UidSet.of(uid for *each, uid in self.suspects if tuple(each) == key)

    @property
    def no_id(self) -> bool:
        """Whether ID is known to end connections."""
        return NO_ID in self.habits

    def one_by_one(self, now: datetime) -> bool:
        """Whether a connection ended lately with commands unanswered that were sent ahead."""
        noticed = self.habits.get(ONE_BY_ONE)
        return noticed is not None and now - noticed < WEEK

    @property
    def progress(self) -> tuple[int, int, int]:
        """Grows while a retry makes sense; finding out more about bad messages counts for a while only."""
        return self.published, len(self.run.learned), min(self.steps, MOST_STEPS)


@dataclass(frozen=True, slots=True)
class Work:
    """Collaborators of one account's task.

    ``ends_at`` (blocking) tells when the grant or code ends, if known. ``notice`` gets each failure, and None when
    mail was delivered or all is done.
    """

    account: Account
    publisher: Publisher
    ledger: LedgerStore
    store: ObjectStore
    clock: Clock
    chance: Callable[[], float]
    memory: Memory = field(default_factory=Memory)
    progress: Callable[[Progress], None] = silent
    ends_at: Callable[[], datetime | None] = unknown_end
    contents: Contents | None = None
    turns: Turns = field(default_factory=Turns)
    notice: Callable[[Exception | None], None] = unnoticed

    def budget_left(self) -> int | None:
        """Octets left of today's provider budget, None without one. Blocking."""
        daily = self.account.settings.daily_bytes
        return None if daily is None else max(0, daily - self.ledger.spent(self.account.slug, self.clock.now().date()))

    async def say(self, *events: Event) -> None:
        """Publish events about the account or a folder. Raises Refused for one that breaks the contract.

        Raises LeaseLost when the account is another's meanwhile: the higher number of what was seen before would hide
        what that one says. That somebody looked is told all the same.
        """
        try:
            if any(not isinstance(event, AccessAudited) for event in events):
                await asyncio.to_thread(self.ledger.check)
            if events:
                await self.publisher.publish(events)
        except ContractViolated as violation:
            raise Refused(f"what is there cannot be told: {violation}", usable=True) from violation

    def next_sequence(self, before: int = 0) -> int:
        """A number for one event: milliseconds of the clock, or more than ``before`` and all others of this task.

        So it grows with every event, also when the database was lost or the clock went back.
        """
        self.memory.sequence = max(before + 1, self.memory.sequence + 1, int(self.clock.now().timestamp() * 1000))
        return self.memory.sequence

    def audit(self, action: str, outcome: str = "ok", record: FolderRecord | None = None, **more: Any) -> AccessAudited:
        """An audit entry for one mail-access operation."""
        now = self.clock.now()
        self.memory.audits += 1
        where: dict[str, Any] = {}
        if record is not None:
            where = {"folderid": record.id, "folder": record.name, "uidvalidity": record.uidvalidity or 0}
        return AccessAudited(
            id=f"{self.account.slug}-{int(now.timestamp() * 1e6):x}-{self.memory.audits:x}",
            at=now,
            service="poller",
            account=self.account.slug,
            action=action,
            outcome="ok" if outcome == "ok" else "failed",
            **where,
            **more,
        )
