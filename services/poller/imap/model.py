"""What goes into a session and what comes out of it. All values are frozen; nothing here does I/O."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from services.common.accounts.fields import Auth, Tls
from services.poller.domain.uidset import UidSet

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect. ``addresses``: IPs checked by the caller; the certificate is checked on ``host``.

    ``legacy_tls`` widens the cipher list only; certificate, name and TLS >= 1.2 stay checked. ``public_only``: no
    connection unless every address of the name is public.
    """

    host: str
    port: int = 993
    tls: Tls = "implicit"
    ca_file: Path | None = None
    legacy_tls: bool = False
    addresses: tuple[str, ...] = ()
    public_only: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds in seconds and bytes. A literal above ``spool_above`` goes to a file below ``spool_folder``."""

    connect_timeout: float = 15.0
    command_timeout: float = 60.0
    min_rate: float = 256.0
    max_literal: int = 100 * MIB
    spool_above: int = 900 * 1024
    spool_folder: Path | None = None
    line: int = MIB
    response: int = 64 * MIB
    items: int = 2_000_000
    queue: int = 4 * MIB


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in. ``token`` says that ``secret`` is an OAuth access token; ``force_login`` is a profile's switch."""

    user: str
    secret: str = field(repr=False)
    auth: Auth = "auto"
    token: bool = False
    force_login: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What this connection really saw (cleaned text), for the record and the login doctor."""

    address: str = ""
    tls_version: str = ""
    tls_cipher: str = ""
    certificate_names: tuple[str, ...] = ()
    certificate_issuer: str = ""
    certificate_ends: float | None = None  # seconds since the epoch
    greeting: str = ""
    capabilities_before: frozenset[str] = frozenset()
    capabilities_after: frozenset[str] = frozenset()
    mechanism: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """Answer to ID: ``sent`` is False when it was not advertised; ``reply`` is None for NIL, NO or BAD."""

    sent: bool
    accepted: bool = False
    reply: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """STATUS items (RFC 9051 section 6.3.11); None where the server gave none."""

    messages: int | None = None
    uidnext: int | None = None
    uidvalidity: int | None = None
    highestmodseq: int | None = None
    unseen: int | None = None
    mailboxid: str | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    r"""One LIST entry. ``wire``: the raw name as sent, its address; ``name``: for display only.

    ``special_use``: for example "\\All", from SPECIAL-USE or XLIST attributes, else the name ("\\Inbox" for INBOX).
    ``attributes`` keep their backslash, lower case.
    """

    wire: bytes
    name: str
    delimiter: str | None = None
    attributes: frozenset[str] = frozenset()
    special_use: str | None = None
    selectable: bool = True
    status: FolderStatus | None = None


class Listing(msgspec.Struct, frozen=True, gc=False):
    """What the server lists of one message; None where it said nothing. ``internaldate`` is raw, ``size`` may lie.

    ``flags`` as sent, in order; ``labels`` are decoded X-GM-LABELS.
    """

    uid: int
    flags: tuple[str, ...] | None = None
    internaldate: str | None = None
    size: int | None = None
    modseq: int | None = None
    emailid: str | None = None
    gm_msgid: int | None = None
    labels: tuple[str, ...] | None = None

    @property
    def content_id(self) -> str | None:
        """The server's name for the content, the same in every folder: EMAILID (RFC 8474) or X-GM-MSGID."""
        return self.emailid or (str(self.gm_msgid) if self.gm_msgid is not None else None)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body in a file. The receiver owns the file and removes it; ``sha256`` is hex of the exact bytes."""

    path: Path
    size: int
    sha256: str


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """One message's listing and exact bytes. ``body`` None: the server answered NIL; b"": empty. Both are suspicious.

    ``conflict``: the server sent a second, different body for this UID in the same command.
    """

    listing: Listing
    body: bytes | Spooled | None
    conflict: bool = False

    @property
    def uid(self) -> int:
        """The message's UID."""
        return self.listing.uid

    @property
    def length(self) -> int:
        """Bytes received."""
        return 0 if self.body is None else self.body.size if isinstance(self.body, Spooled) else len(self.body)


@dataclass(frozen=True, slots=True)
class Header:
    """Header bytes of one message as asked for, with its listing."""

    listing: Listing
    header: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """Answer to EXAMINE (RFC 9051 section 6.3.3). ``read_only`` False: the server claimed READ-WRITE; record it.

    ``highestmodseq`` only when CONDSTORE is advertised.
    """

    wire: bytes
    read_only: bool
    exists: int
    uidvalidity: int | None
    uidnext: int | None
    highestmodseq: int | None = None
    nomodseq: bool = False
    mailboxid: str | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """What came unasked since the last look.

    ``exists``: last count, less what EXPUNGE took since; ``expunged``: number of EXPUNGE responses; ``since``: what of
    ``vanished`` went after that count was told, and may name UIDs that were never there.
    ``flagged``: flags of messages changed.
    ``ignored`` counts responses that had to be left out (no UID, UID 0 or above 32 bits, body of another UID).
    """

    exists: int | None = None
    expunged: int = 0
    vanished: UidSet = field(default_factory=lambda: UidSet.of(()))
    flagged: bool = False
    throttled: bool = False
    bye: str | None = None
    ignored: int = 0
    since: UidSet = field(default_factory=lambda: UidSet.of(()))

    @property
    def mailbox_changed(self) -> bool:
        """Whether a pass is due."""
        return self.exists is not None or self.expunged > 0 or bool(self.vanished) or self.flagged
