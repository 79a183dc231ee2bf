"""What a server says unasked, kept until somebody looks."""

from collections.abc import Sequence

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import ConnectionLost
from services.poller.imap.model import Events
from services.poller.imap.notify import News
from services.poller.imap.responses import Status, natural, status_entry, uid_ranges
from services.poller.imap.tokens import Part, Unparsable

_EMPTY = UidSet.of(())


class EventLog:
    """Collects events of one connection. Bounded: of flags that changed only the fact is kept."""

    def __init__(self) -> None:
        self.uidvalidity: int | None = None  # of the open folder
        self._opening: int | None = None  # of the folder that is being opened, as told so far
        self._alerts: list[str] = []
        self.news: News | None = None  # of folders that are not open, once NOTIFY asked for it
        self._reset()

    def _reset(self) -> None:
        self.exists: int | None = None
        self.expunged = 0
        self.vanished = self.since = _EMPTY
        self.flagged = False
        self.throttled = False
        self.bye: str | None = None
        self.ignored = 0

    def take(self) -> Events:
        """Everything so far; the log is empty afterwards."""
        events = Events(
            exists=self.exists,
            expunged=self.expunged,
            vanished=self.vanished,
            flagged=self.flagged,
            throttled=self.throttled,
            bye=self.bye,
            ignored=self.ignored,
            since=self.since,
        )
        self._reset()
        return events

    def take_alerts(self) -> tuple[str, ...]:
        """What a person has to be shown (RFC 9051 section 7.1), the first 20 since the last call."""
        alerts, self._alerts = tuple(self._alerts), []
        return alerts

    def forget_mailbox(self) -> None:
        """Another folder is opened: what was said of the last one is of no use."""
        self.exists, self.expunged, self.vanished, self.since = None, 0, _EMPTY, _EMPTY
        self.uidvalidity = self._opening = None
        self.flagged = False

    def opened(self) -> None:
        """The folder is open, read or not: another UIDVALIDITY is none of its opening any more."""
        self.uidvalidity = self._opening

    def resume(self, so_far: Events, exists: int | None) -> None:
        """The same folder was opened anew: what came before it counts as well."""
        self.exists = exists if self.exists is None else self.exists
        self.expunged += so_far.expunged
        self.vanished |= so_far.vanished

    @property
    def changed(self) -> bool:
        """Whether something about the mailbox or the connection was said."""
        counted = self.exists is not None or self.expunged > 0
        told = self.news is not None and self.news.waits
        return counted or told or bool(self.vanished) or self.flagged or self.bye is not None

    def count(self, number: int, word: bytes) -> None:
        """``number`` EXISTS or EXPUNGE."""
        if word == b"EXISTS":
            self.exists, self.since = number, _EMPTY
        elif word == b"EXPUNGE":
            self.expunged += 1
            self.exists = self.exists - 1 if self.exists else self.exists

    def gone(self, parts: Sequence[Part]) -> None:
        """VANISHED; a set that cannot be read counts as "something went away".

        Only without (EARLIER) it lowers the number of messages that was told last (RFC 7162 section 3.2.10.2).
        """
        line = parts[0]
        assert isinstance(line, bytes)
        text = line.split(b" ", 2)[2].upper() if line.count(b" ") > 1 else b""
        try:
            uids = uid_ranges(text.removeprefix(b"(EARLIER) "))
        except Unparsable:
            self.expunged += 1
            return
        self.vanished |= uids
        if self.exists is not None and not text.startswith(b"(EARLIER) "):
            self.since |= uids

    def counted(self, parts: Sequence[Part]) -> None:
        """A STATUS that nobody asked for: of a folder that is not open, where NOTIFY asked for such news."""
        if self.news is None:
            return
        try:
            self.news.hear(*status_entry(parts, 8))
        except Unparsable:
            self.ignored += 1

    def fetched(self, line: bytes) -> None:
        """A FETCH that no command asked for: flags have changed.

        Only with MODSEQ (RFC 7162 section 3.2) a reason to look: without it each look would take those of all messages.
        """
        self.flagged = self.flagged or b"MODSEQ" in line.upper()

    def said(self, status: Status) -> None:
        """An OK, NO, BAD or BYE, tagged or not. Raises ConnectionLost when the open folder has new UIDs by it."""
        if status.code == "ALERT" and len(self._alerts) < 20:
            self._alerts.append(status.text)
        if status.code == "THROTTLED" or "[THROTTLED]" in status.text.upper():
            self.throttled = True
        if status.code == "NOTIFICATIONOVERFLOW" and self.news is not None:
            self.news.ended = True
        if status.kind == "BYE":
            self.bye = status.text
        if self._renumbered(status):
            raise ConnectionLost("UIDVALIDITY changed while the folder was open; it is opened anew")

    def _renumbered(self, status: Status) -> bool:
        value = natural(status.argument.decode("latin-1")) if status.code == "UIDVALIDITY" else None
        self._opening = value or self._opening
        return None not in (value, self.uidvalidity) and value != self.uidvalidity


def numbered(line: bytes) -> tuple[int | None, bytes]:
    """The number and upper-case word of ``* 5 EXISTS``; (None, word) when there is no number."""
    words = line[2:110].split(None, 2)
    if len(words) > 1 and words[0].isdigit():
        return natural(words[0].decode("ascii")), words[1].upper()
    return None, words[0].upper() if words else b""
