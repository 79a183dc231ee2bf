"""What a run found out is not asked again when the server hangs up every few commands.

After the second lost connection the run goes on where it was: signed in without asking for capabilities, no second look
at the folder list, folders that are done left alone, and a listing used again while the folder's counters stand still.
"""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from services.common.errors import MailweirError
from services.poller.domain.state import FolderRecord, Listed, Outcome
from services.poller.imap.errors import ImapError
from services.poller.imap.model import Facts, Opened

CUTS = 2
LIFE = 300.0


@dataclass(frozen=True, slots=True)
class Look:
    """A listing of one folder, the counters under which it was made, and which are known to be large."""

    key: tuple[str, int]
    opened: Opened
    listed: Listed
    large: frozenset[int] = frozenset()


@dataclass(slots=True)
class Run:
    """One run over the account's folders.

    ``learned``: steps that count as progress, each once. ``trouble``: why the last connection ended, "" for no trouble.
    ``fatal``: how often a connection ended in a folder before anything came of it.
    """

    cuts: int = 0
    facts: Facts | None = None
    wires: tuple[bytes, ...] | None = None
    done: dict[bytes, Outcome] = field(default_factory=dict)
    look: Look | None = None
    learned: set[tuple[object, ...]] = field(default_factory=set)
    since: float = 0.0
    trouble: str = ""
    fatal: Counter[bytes] = field(default_factory=Counter)

    @property
    def thrifty(self) -> bool:
        """Whether connections of this run end so often that no command may be wasted."""
        return self.cuts >= CUTS

    @property
    def known(self) -> Facts | None:
        """What the server can do, where asking it again would be a waste."""
        return self.facts if self.thrifty else None

    def begin(self, now: float) -> None:
        """A new connection: nothing is taken over from the last one unless thrift is needed, and not for ever."""
        if not self.thrifty or now - self.since > LIFE:
            self.since, self.wires, self.look = now, None, None
            self.done.clear()

    def ended(self, error: MailweirError | None) -> None:
        """A connection ended, with ``error`` or in good order."""
        lost = isinstance(error, ImapError) and not error.usable
        self.cuts = self.cuts + 1 if lost else 0
        self.trouble = str(error or "")

    def listed(self, records: list[FolderRecord]) -> None:
        """Note the wanted folders."""
        self.wires = tuple(record.wire for record in records)
        self.learned.add(("folders",))

    def ordered(self, records: Sequence[FolderRecord]) -> list[FolderRecord]:
        """Folders that ended connections last, so that one of them keeps no other from being read."""
        return sorted(records, key=lambda record: self.fatal[record.wire])

    def finished(self, outcome: Outcome) -> None:
        """Note how a pass ended; a folder that is complete is not passed again in this run."""
        wire = outcome.record.wire
        del self.fatal[wire]
        if not outcome.missing and outcome.record.last_error is None:
            self.done[wire] = outcome
            self.learned.add(("done", wire))
        self.look = None

    def looked(self, look: Look) -> None:
        """Note a listing; only the last one is kept, with what is known of sizes."""
        if self.recall(look.key, look.opened) is None:
            self.look = look
            self.learned.add(("looked", look.key))

    def sized(self, key: tuple[str, int], large: AbstractSet[int]) -> None:
        """Add large messages to the listing they belong to."""
        if self.look is not None and self.look.key == key:
            self.look = replace(self.look, large=self.look.large | large)
            self.learned.add(("sized", key))

    def large(self, key: tuple[str, int]) -> frozenset[int]:
        """Large messages that an earlier connection found."""
        return self.look.large if self.look is not None and self.look.key == key else frozenset()

    def recall(self, key: tuple[str, int], opened: Opened) -> Look | None:
        """The listing of this folder, if nothing can have come or gone since. Flags may: they are seen next time."""
        look = self.look
        if not self.thrifty or look is None or look.key != key or opened.uidnext is None:
            return None
        return look if _counters(look.opened) == _counters(opened) else None


def _counters(opened: Opened) -> tuple[int | None, ...]:
    return opened.uidvalidity, opened.uidnext, opened.exists, opened.highestmodseq
