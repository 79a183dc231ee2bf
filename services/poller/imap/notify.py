"""NOTIFY (RFC 5465): the server tells of mail in folders that are not open. A hint only: polls find what it leaves out.

Asked for by kind of folder, not by name: it is one short line, names with octets of any kind need not be sent, and
new folders are among them (Dovecot refuses more than a hundred names).
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import msgspec

from services.poller.imap.exchange import Line
from services.poller.imap.model import FolderStatus
from services.poller.imap.names import display_name

_OPEN = b"(SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))"  # what it is told anyway without NOTIFY
_OTHERS = b"(PERSONAL (MessageNew MessageExpunge))"
_MOST_STRANGERS = 1000


class Known(msgspec.Struct, frozen=True):
    """What was read of a folder: its UIDVALIDITY, UIDNEXT and number of messages as far as they are known."""

    uidvalidity: int | None = None
    uidnext: int | None = None
    messages: int | None = None

    def outdated(self, told: FolderStatus) -> bool:
        """Whether there is mail that was not read. What went away or was flagged has time until the next poll."""
        if told.uidvalidity is not None and told.uidvalidity != self.uidvalidity:
            return True
        if told.uidnext is not None:
            return self.uidnext is None or told.uidnext > self.uidnext
        return told.messages is not None and told.messages > (self.messages or 0)


@dataclass(slots=True)
class News:
    """What the server told of folders that are not open, by their names as they are shown.

    By these, for Dovecot lists names in modified UTF-7 and tells them here in UTF-8. ``heeded``: folders that are
    read. ``listed``: names of the last folder list. ``strangers``: names told that were not on it. ``unlisted``: one of
    them is new. ``ended``: nothing is told any more, not of the open folder either.
    """

    heeded: Mapping[str, Known] = field(default_factory=dict)
    listed: Set[str] = frozenset()
    told: dict[str, FolderStatus] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    unlisted: bool = False
    ended: bool = False

    @property
    def waits(self) -> bool:
        """Whether somebody should look."""
        return bool(self.told) or self.unlisted or self.ended

    def heed(self, heeded: Mapping[str, Known]) -> None:
        """From now on of these; what was told before and is known by now is forgotten."""
        told, self.told, self.heeded = self.told, {}, heeded
        for name, status in told.items():
            self._judge(name, status)

    def list(self, names: Set[str]) -> None:
        """The folder list has these names now."""
        self.listed, self.unlisted = names, False
        self.strangers -= names

    def hear(self, wire: bytes, status: FolderStatus) -> None:
        """A folder has these counters now."""
        self._judge(display_name(wire), status)

    def _judge(self, name: str, status: FolderStatus) -> None:
        known = self.heeded.get(name)
        if known is not None:
            if known.outdated(status):
                self.told[name] = status
        elif self._new(name):
            self.strangers.add(name)
            self.unlisted = True

    def _new(self, name: str) -> bool:
        known = not self.listed or name in self.listed or name in self.strangers
        return not known and len(self.strangers) < _MOST_STRANGERS

    def take(self) -> frozenset[str]:
        """Names of folders with mail that was not read; they are forgotten."""
        names, self.told = frozenset(self.told), {}
        return names


def notify_line() -> Line:
    """NOTIFY; each folder's counters come at once, so that nothing is overlooked that came before it."""
    return Line("NOTIFY", [b"SET", b"STATUS", _OPEN, _OTHERS], frozenset({b"STATUS"}))
