"""One IMAP connection as the sync engine uses it: read-only by construction, one answer at a time.

Commands that can reach the wire: CAPABILITY, ID, LOGIN, AUTHENTICATE, STARTTLS, ENABLE, NAMESPACE, LIST, STATUS,
NOTIFY, EXAMINE, UID FETCH with ``BODY.PEEK[...]``, UID SEARCH, NOOP, IDLE, UNSELECT, LOGOUT. Nothing else exists here.

Every method may raise ``NetworkError`` (``OperationTimeout``, ``ConnectionLost``, ``ServerBye``),
``ProtocolViolation``, ``Throttled``, ``Temporary`` and ``CommandRejected`` besides what it names. After an error with
``usable`` False, after a cancelled method and after an iterator left early the connection is closed; open a new one.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from services.poller.domain.uidset import UidSet
from services.poller.imap import fetching, folders, searching
from services.poller.imap.errors import (
    CommandRejected,
    ConnectionLost,
    FolderGone,
    IdentificationWanted,
    PermissionRefused,
    Refused,
)
from services.poller.imap.foresight import condstore_of, list_ahead, open_ahead
from services.poller.imap.idling import idle
from services.poller.imap.lifecycle import Lifecycle
from services.poller.imap.model import (
    Events,
    Fetched,
    Folder,
    FolderStatus,
    Header,
    Listing,
    Opened,
)
from services.poller.imap.notify import Known, News


class Session(Lifecycle):
    """A connection whose folders and messages are read; ``Lifecycle`` opens it, signs in and leaves."""

    _opened: Opened | None = None
    _names: frozenset[str] = frozenset()
    tells_sizes = True  # False once RFC822.SIZE was refused: it is not asked for again on this connection

    @property
    def opened(self) -> Opened | None:
        """The folder that is open now."""
        return self._opened

    @property
    def unreadable(self) -> int:
        """Lines of the last folder list that could not be read, so that folders may be missing from it."""
        return self._connection.unreadable

    @property
    def vanished(self) -> UidSet:
        """UIDs that VANISHED named since the last ``take_events``; intersect it, it is never expanded."""
        return self._connection.events.vanished

    @property
    def tells_vanished(self) -> bool:
        """Whether the server names what went away (QRESYNC is on)."""
        return "QRESYNC" in self._enabled

    @property
    def throttled(self) -> bool:
        """Whether the server said THROTTLED since the last ``take_events``."""
        return self._connection.events.throttled

    def take_events(self) -> Events:
        """What came unasked since the last call, and forget it. Opening a folder clears it, too."""
        return self._connection.events.take()

    async def namespace(self) -> tuple[tuple[bytes, str | None], ...]:
        """Personal namespaces as (prefix wire name, delimiter); empty when NAMESPACE is not advertised."""
        return await folders.namespace(self._connection) if self.has("NAMESPACE") else ()

    async def list_folders(self, *, status: bool = False, plain: bool = False) -> tuple[Folder, ...]:
        """All folders, by the best LIST form that works: LIST-EXTENDED with SPECIAL-USE, else (or if wanted) plain.

        ``status``: with LIST-STATUS advertised the folders carry STATUS in the same round trip.
        """
        if self.news is not None:
            self.news.unlisted = False  # also where the list is refused: it would be asked for without end
        found = await folders.list_folders(self._connection, with_status=status, plain=plain)
        list_ahead(self._connection, self.foresight, found)
        self._names = frozenset(folder.name for folder in found)
        if self.news is not None:
            self.news.list(self._names)
        return found

    @property
    def news(self) -> News | None:
        """What is told of folders that are not open; None unless ``notify`` asked for it."""
        return self._connection.events.news

    async def notify(self, heeded: Mapping[str, Known]) -> None:
        """Have news told of folders that are not open (RFC 5465), from now on and while ``idle`` waits.

        ``heeded``: those that are read, by name as it is shown. Raises CommandRejected or Refused: nothing changed.
        """
        await folders.notify(self._connection, News(heeded, self._names))

    async def status(self, wire: bytes) -> FolderStatus:
        """STATUS of a folder that is not open now. Raises FolderGone, PermissionRefused, Refused."""
        return await folders.folder_status(self._connection, wire)

    async def examine(self, wire: bytes, *, condstore: bool = False, then: Sequence[str] | None = None) -> Opened:
        """Open read-only. Arguments are sent only when advertised (and enabled), and left out after a refusal.

        ``then``: items of a listing that follows. Raises FolderGone, PermissionRefused, IdentificationWanted, Refused.
        """
        self._opened, argument = None, condstore_of(self.capabilities) if condstore else None
        if then is not None:
            self._send_ahead(wire, argument, fetching.EVERYTHING, then)
        try:
            self._opened = await folders.examine(self._connection, wire, argument)
        except (CommandRejected, Refused) as error:
            if argument is None or isinstance(error, FolderGone | PermissionRefused | IdentificationWanted):
                raise
            self._opened = await folders.examine(self._connection, wire, None)
        return self._opened

    def _send_ahead(self, wire: bytes, argument: bytes | None, uids: UidSet, items: Sequence[str]) -> None:
        if self.hurries:
            open_ahead(self._connection, folders.examine_line(wire, argument), uids, items)

    async def reopen(self, then: UidSet = fetching.NOBODY) -> None:
        """EXAMINE the open folder again: what a session is told may be what was true when it opened the folder.

        ``then``: those whose flags are going to be listed. Another number of messages is an event.
        Raises as ``examine``, and ConnectionLost for another UIDVALIDITY or MAILBOXID, or a UIDNEXT that fell.
        """
        assert self._opened is not None
        before, so_far = self._opened, self.take_events()
        self._send_ahead(before.wire, None, then, ("FLAGS",))
        opened = await self.examine(before.wire)
        if not _continues(before, opened):
            self.close()
            raise ConnectionLost("another folder has the name of the one that was open; it is opened anew")
        changed = so_far.mailbox_changed or opened.exists != before.exists  # one may have gone and another come
        self._connection.events.resume(so_far, opened.exists if changed else None)

    def fetch_listing(self, uids: UidSet, items: Sequence[str] = ("FLAGS",)) -> AsyncIterator[Listing]:
        """Stream listings of those UIDs (any order, only asked ones, items split over lines merged).

        ``items``: FLAGS, INTERNALDATE, RFC822.SIZE, MODSEQ, EMAILID, X-GM-MSGID, X-GM-LABELS; none means
        UIDs only; those not advertised are left out. A large set becomes several commands. A listing may miss items:
        ask again. A UID that does not come is not proof of absence. Raises FetchRefused.
        """
        return fetching.listings(self._connection, uids, items)

    def fetch_changed(self, uids: UidSet, modseq: int, *, vanished: bool = False) -> AsyncIterator[Listing]:
        """Stream FLAGS and MODSEQ of those changed since ``modseq`` (CHANGEDSINCE; CONDSTORE must be advertised).

        ``vanished``: where it is told, the UIDs gone since are in ``take_events().vanished`` afterwards.
        """
        return fetching.changed(self._connection, uids, modseq, vanished=vanished and self.tells_vanished)

    def fetch_headers(self, uids: UidSet, fields: Sequence[str] = (), *, bare: bool = False) -> AsyncIterator[Header]:
        """Stream these header fields, or the whole header; unless ``bare`` with flags, date, size and ids of each."""
        return fetching.headers(self._connection, uids, fields, () if bare else (*self._plain, *fetching.IDENTITIES))

    def fetch_bodies(self, uids: UidSet, items: Sequence[str] = (), *, bare: bool = False) -> AsyncIterator[Fetched]:
        """Stream whole messages: UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[] and ``items``; ``bare``: the body only.

        At most ``Limits.queue`` bytes wait unread, then the server is held back. Bodies only of asked UIDs, each once.
        A literal above ``spool_above`` is a ``Spooled`` file. Raises FetchRefused, ExpungeIssued, LiteralTooLarge, and
        Unavailable when there is no room for it.
        """
        return fetching.bodies(self._connection, uids, () if bare else (*self._plain, *items))

    @property
    def _plain(self) -> tuple[str, ...]:
        return ("FLAGS", "INTERNALDATE", *["RFC822.SIZE"] * self.tells_sizes)

    async def fetch_piece(self, uid: int, offset: int, length: int) -> bytes | None:
        """Bytes [offset, offset + length) of a message; shorter at its end; None when nothing or NIL was said."""
        return await fetching.piece(self._connection, uid, offset, length)

    async def search_all(self) -> UidSet:
        """UID SEARCH UID 1:*. Some servers lie or refuse: prefer ``fetch_listing``."""
        return await searching.search_all(self._connection)

    async def highest_uid(self) -> int | None:
        """UID of the last message (UID FETCH *), None when the folder is empty: for servers without UIDNEXT."""
        return await searching.highest_uid(self._connection)

    async def idle(self, seconds: float) -> Events:
        """IDLE until something comes (coalesced), ``news`` too, or ``seconds`` are over; DONE sent and answered.

        Cancel-safe: no.
        Raises CommandRejected or Refused when the server does not want it.
        """
        await idle(self._connection, seconds)
        return self.take_events()

    async def noop(self) -> Events:
        """NOOP; all events seen so far, as ``take_events``."""
        await self.poke()
        return self.take_events()

    async def poke(self) -> None:
        """NOOP, so that the server can tell what happened; that stays for the next ``take_events``."""
        await folders.run(self._connection, "NOOP", [], frozenset())

    async def unselect(self) -> None:
        """Leave the folder: UNSELECT when advertised, else nothing (the next EXAMINE leaves it)."""
        if self._opened is not None and self.has("UNSELECT"):
            await folders.run(self._connection, "UNSELECT", [], frozenset())
            self._opened, self._connection.state = None, "AUTH"


def _continues(before: Opened, opened: Opened) -> bool:
    """Whether it may be the same folder by what is told of it when it is opened."""
    renamed = None not in (before.mailboxid, opened.mailboxid) and before.mailboxid != opened.mailboxid
    fell = before.uidnext is not None and opened.uidnext is not None and opened.uidnext < before.uidnext
    return before.uidvalidity == opened.uidvalidity and not renamed and not fell
