"""One IMAP connection as the sync engine uses it: read-only by construction, one command at a time.

Commands that can reach the wire: CAPABILITY, ID, LOGIN, AUTHENTICATE, STARTTLS, ENABLE, NAMESPACE, LIST, XLIST, STATUS,
EXAMINE, UID FETCH with ``BODY.PEEK[...]``, UID SEARCH, NOOP, IDLE, UNSELECT, LOGOUT. Nothing else exists here.

Every method may raise ``NetworkError`` (``OperationTimeout``, ``ConnectionLost``, ``ServerBye``), ``ProtocolViolation``,
``Throttled``, ``Temporary`` and ``CommandRejected`` besides what it names. After an error with ``usable`` False, after a
cancelled method and after an iterator left early the connection is closed; open a new one.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Self

from services.poller.domain.uidset import UidSet
from services.poller.imap.model import (
    Credentials,
    Endpoint,
    Events,
    Facts,
    Fetched,
    Folder,
    FolderStatus,
    Header,
    Identified,
    Limits,
    Listing,
    Opened,
    Resync,
)


class Session:
    """A verified TLS connection to one server, signed in or not."""

    @classmethod
    async def open(cls, endpoint: Endpoint, limits: Limits | None = None) -> Self:
        """Connect (happy eyeballs), TLS or STARTTLS, greeting, CAPABILITY.

        Raises NetworkError, TlsSecurity, TlsCompatibility, Throttled or Temporary (greeting BYE).
        """
        raise NotImplementedError

    @property
    def facts(self) -> Facts:
        """What was seen so far."""
        raise NotImplementedError

    @property
    def capabilities(self) -> frozenset[str]:
        """As advertised last, upper case; asked again after TLS and after sign-in."""
        raise NotImplementedError

    def has(self, capability: str) -> bool:
        """Whether ``capability`` is advertised (upper case, for example "CONDSTORE", "AUTH=PLAIN")."""
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """Whether the connection may still be used."""
        raise NotImplementedError

    @property
    def received(self) -> int:
        """Bytes received so far (after TLS), for byte budgets."""
        raise NotImplementedError

    @property
    def opened(self) -> Opened | None:
        """The folder that is open now."""
        raise NotImplementedError

    def take_events(self) -> Events:
        """What came unasked since the last call, and forget it. Opening a folder clears it, too."""
        raise NotImplementedError

    async def sign_in(self, credentials: Credentials) -> None:
        """Sign in with the first fitting mechanism (imap.md 3.1), then ask for capabilities again.

        Raises CredentialRefused, TokenRefused, AmbiguousRefusal, SignInImpossible, Temporary, Throttled.
        """
        raise NotImplementedError

    async def identify(self, fields: Mapping[str, str]) -> Identified:
        """ID (RFC 2971) when advertised, else nothing. NO, BAD and NIL are tolerated.

        Raises ServerBye or ConnectionLost when the server closes because of it: remember "no ID" for the host.
        """
        raise NotImplementedError

    async def enable(self, *names: str) -> frozenset[str]:
        """ENABLE of those names that are advertised ("QRESYNC", "CONDSTORE"); the names that are on now."""
        raise NotImplementedError

    async def namespace(self) -> tuple[tuple[bytes, str | None], ...]:
        """Personal namespaces as (prefix wire name, delimiter); empty when NAMESPACE is not advertised."""
        raise NotImplementedError

    async def list_folders(self, *, status: bool = False) -> tuple[Folder, ...]:
        """All folders, by the best LIST form that works: LIST-EXTENDED, plain, XLIST for special use.

        ``status``: with LIST-STATUS advertised the folders carry STATUS in the same round trip.
        """
        raise NotImplementedError

    async def status(self, wire: bytes) -> FolderStatus:
        """STATUS of a folder that is not open now. Raises FolderGone, PermissionRefused, Refused."""
        raise NotImplementedError

    async def examine(self, wire: bytes, *, condstore: bool = False, qresync: Resync | None = None) -> Opened:
        """Open read-only. Arguments are sent only when advertised (and enabled), and left out after a BAD.

        Raises FolderGone, PermissionRefused, IdentificationWanted, Refused.
        """
        raise NotImplementedError

    def fetch_listing(self, uids: UidSet, items: Sequence[str] = ("FLAGS",)) -> AsyncIterator[Listing]:
        """Stream listings of those UIDs (any order, only asked ones, items split over lines merged).

        ``items``: of FLAGS, INTERNALDATE, RFC822.SIZE, MODSEQ, EMAILID, X-GM-MSGID, X-GM-THRID, X-GM-LABELS; empty means
        UIDs only; those not advertised are left out. A large set becomes several commands. A listing may miss items:
        ask again. A UID that does not come is not proof of absence. Raises FetchRefused.
        """
        raise NotImplementedError

    def fetch_changed(self, uids: UidSet, modseq: int, *, vanished: bool = False) -> AsyncIterator[Listing]:
        """Stream FLAGS and MODSEQ of those changed since ``modseq`` (CHANGEDSINCE; CONDSTORE must be advertised).

        ``vanished``: with QRESYNC enabled the UIDs gone since are in ``take_events().vanished`` afterwards.
        """
        raise NotImplementedError

    def fetch_headers(self, uids: UidSet, fields: Sequence[str] = ()) -> AsyncIterator[Header]:
        """Stream listings (FLAGS, INTERNALDATE, RFC822.SIZE and ids) with these header fields, or the whole header."""
        raise NotImplementedError

    def fetch_bodies(self, uids: UidSet, items: Sequence[str] = ()) -> AsyncIterator[Fetched]:
        """Stream whole messages: UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[] and ``items``; one command per 900 bytes.

        At most ``Limits.queue`` bytes wait unread, then the server is held back. Bodies only of asked UIDs, each once.
        A literal above ``spool_above`` is a ``Spooled`` file. Raises FetchRefused, ExpungeIssued, LiteralTooLarge.
        """
        raise NotImplementedError

    async def fetch_piece(self, uid: int, offset: int, length: int) -> bytes | None:
        """Bytes [offset, offset + length) of a message; shorter at its end; None when the server said nothing or NIL."""
        raise NotImplementedError

    async def search_all(self, low: int = 1, high: int | None = None) -> UidSet:
        """UID SEARCH UID low:high (None: ``*``). Some servers lie or refuse: prefer ``fetch_listing``."""
        raise NotImplementedError

    async def highest_uid(self) -> int | None:
        """UID of the last message (UID FETCH *), None when the folder is empty: for servers without UIDNEXT."""
        raise NotImplementedError

    async def idle(self, seconds: float) -> Events:
        """IDLE until something comes (coalesced) or ``seconds`` are over; DONE sent and answered. Cancel-safe: no.

        ``interrupt`` ends it early. Raises CommandRejected or Refused when the server does not want it.
        """
        raise NotImplementedError

    def interrupt(self) -> None:
        """End a running ``idle`` at once; it returns its events in the normal way."""
        raise NotImplementedError

    async def noop(self) -> Events:
        """NOOP; all events seen so far, as ``take_events``."""
        raise NotImplementedError

    async def unselect(self) -> None:
        """Leave the folder: UNSELECT when advertised, else nothing (the next EXAMINE leaves it)."""
        raise NotImplementedError

    async def logout(self) -> None:
        """LOGOUT within 2 s, then close; never raises."""
        raise NotImplementedError

    def close(self) -> None:
        """Close at once; a running method raises ConnectionLost."""
        raise NotImplementedError
