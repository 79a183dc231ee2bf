"""The vocabulary: one frozen Struct per event version. Names are past participles; schemas/ is written from here.

Mail events carry a :class:`Place`, which is their identity: the same place and the same event give the same id.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.common.email import Email
from services.common.place import Place

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal.")]
UidSetText = Annotated[str, Meta(description="UIDs as an IMAP sequence-set (RFC 3501 section 9), empty for none.")]
Sequence = Annotated[
    int, Meta(description="Grows with each event about the same thing; an older one never overwrites.")
]


class DataRef(Struct, frozen=True):
    """Claim check: where bytes lie that are too large for a record. ``first`` and ``last`` are inclusive offsets."""

    uri: Annotated[str, Meta(description="s3://bucket/key")]
    first: int | None = None
    last: int | None = None


class MailEvent(Struct, frozen=True, kw_only=True):
    """What every event about one message carries; each field is also a CloudEvents extension attribute."""

    place: Place
    contentsha256: Sha256
    internaldate: Annotated[datetime | None, Meta(description="INTERNALDATE of the server (RFC 3501 section 2.3.3).")]
    size: Annotated[int, Meta(ge=0, description="Octets of the exact raw message.")]


class MessageFetched(MailEvent, frozen=True, kw_only=True):
    """``mail.fetched``: the exact message, or a claim check for it."""

    body: bytes | DataRef
    flags: Annotated[tuple[str, ...], Meta(description="Flags when fetched (RFC 3501 section 2.3.2).")] = ()
    emailid: Annotated[str | None, Meta(description="EMAILID (RFC 8474) or X-GM-MSGID, where the server has one.")] = (
        None
    )
    labels: Annotated[tuple[str, ...], Meta(description="X-GM-LABELS, decoded.")] = ()


class EmailParsed(MailEvent, frozen=True, kw_only=True):
    """``mail.parsed``: one RFC 8621 Email object with the ``mailweir`` extension."""

    email: Email
    flags: tuple[str, ...] = ()


class AttachmentExtracted(MailEvent, frozen=True, kw_only=True):
    """``mail.attachments``: one decoded file, or the range of the raw message that holds it, still encoded."""

    body: bytes | DataRef
    encoding: Annotated[
        str, Meta(description="Transfer encoding of the range behind a claim check; identity for a value.")
    ] = "identity"
    partid: Annotated[str, Meta(description="partId in bodyStructure, or the id of a derived part.")]
    partsha256: Sha256
    partsize: Annotated[int, Meta(ge=0, description="Octets of the decoded file.")]
    contenttype: Annotated[str, Meta(description="Media type as declared by the sender.")]
    filename: Annotated[str | None, Meta(description="File name as sent, decoded.")] = None
    safename: Annotated[str, Meta(description="File name that is safe to use as one path segment.")]
    disposition: str | None = None


class ObjectFiled(MailEvent, frozen=True, kw_only=True):
    """``mail.filed``: an object is now in the store; its bytes have the stated hash."""

    kind: Literal["message", "attachment"]
    sha256: Sha256
    bucket: str
    key: str
    objectsize: Annotated[int, Meta(ge=0)]
    contenttype: str
    detectedtype: Annotated[str | None, Meta(description="Media type by magic bytes.")] = None
    partid: str | None = None
    filename: str | None = None


class FolderEvent(Struct, frozen=True, kw_only=True):
    """What every event about one folder carries."""

    account: str
    folderid: str
    folder: Annotated[str, Meta(description="Decoded name.")]
    wire: Annotated[str, Meta(description="Raw name on the wire; non-ASCII bytes and backslash as \\xNN.")]
    uidvalidity: int
    sequence: Sequence


class FolderCreated(FolderEvent, frozen=True, kw_only=True):
    """A folder was seen for the first time."""

    delimiter: str | None = None
    specialuse: Annotated[str | None, Meta(description="RFC 6154 attribute such as \\Sent.")] = None


class FolderRenamed(FolderEvent, frozen=True, kw_only=True):
    """A known folder has another name; its id and its mail stay."""

    oldfolder: str
    oldwire: str


class FolderGone(FolderEvent, frozen=True, kw_only=True):
    """A folder is no longer listed, confirmed by a second look. Nothing of ours is deleted."""


class UidValidityChanged(FolderEvent, frozen=True, kw_only=True):
    """A new epoch of a folder, with the remap report (RFC 3501 section 2.3.1.1)."""

    epoch: int
    olduidvalidity: int
    relinked: Annotated[int, Meta(description="Places linked to content that was already stored.")] = 0
    refetched: Annotated[int, Meta(description="Places whose content was downloaded again.")] = 0
    gone: Annotated[int, Meta(description="Places of the old epoch without a counterpart.")] = 0


class PlaceRelinked(MailEvent, frozen=True, kw_only=True):
    """A place of a new epoch whose content is already stored: nothing was downloaded."""

    flags: tuple[str, ...] = ()


class FlagSet(Struct, frozen=True):
    """UIDs that share exactly these flags (and labels)."""

    uids: UidSetText
    flags: tuple[str, ...]
    labels: tuple[str, ...] | None = None


class FlagsChanged(FolderEvent, frozen=True, kw_only=True):
    """Flags as they are now, grouped."""

    changes: tuple[FlagSet, ...]


class MessagesVanished(FolderEvent, frozen=True, kw_only=True):
    """UIDs that the server no longer lists. Our copies stay."""

    uids: UidSetText
    confirmed: Annotated[
        bool, Meta(description="False: not visible, may come back (a window or a partial outage).")
    ] = True


class MessagesReturned(FolderEvent, frozen=True, kw_only=True):
    """Vanished UIDs that are listed again in the same epoch."""

    uids: UidSetText


class SyncReported(FolderEvent, frozen=True, kw_only=True):
    """State of one folder after a pass: the numbers of the ledger."""

    epoch: int
    listed: int
    published: int
    quarantined: int
    vanished: int
    missing: int
    servercount: int
    passedat: datetime
    lasterror: str | None = None
    nexttry: datetime | None = None
    budgetleft: Annotated[int | None, Meta(description="Octets left of today's provider budget.")] = None


class AccountReported(Struct, frozen=True, kw_only=True):
    """State of one account: sign-in, back-off, expiry of a token or code."""

    account: str
    state: Literal["active", "paused", "attention", "backoff", "removed"]
    signin: Literal[
        "ok",
        "credential",
        "ambiguous",
        "temporary",
        "throttled",
        "configuration",
        "consent",
        "tls",
        "network",
        "unknown",
    ]
    detail: str = ""
    advice: str = ""
    nexttry: datetime | None = None
    expiresat: Annotated[datetime | None, Meta(description="When the grant or authorization code ends, if known.")] = (
        None
    )
    sequence: Sequence


class AccessAudited(Struct, frozen=True, kw_only=True):
    """``mail.audit``: one mail-access operation. Never content, never a secret."""

    id: str
    at: datetime
    service: str
    account: str
    action: Annotated[str, Meta(description="connect, signin, list, examine, fetch, erase, decrypt, ...")]
    outcome: Literal["ok", "failed"]
    folderid: str | None = None
    folder: str | None = None
    uidvalidity: int | None = None
    uids: UidSetText | None = None
    octets: int | None = None
    detail: str = ""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A record that its reader could not use: the original bytes and headers, where they were, and why."""

    topic: str
    partition: int
    offset: int
    service: str
    error: Annotated[str, Meta(description="Class of the failure: contract.*, bug.*, refused.*")]
    reason: str
    at: datetime
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


Event = (
    MessageFetched
    | EmailParsed
    | AttachmentExtracted
    | ObjectFiled
    | PlaceRelinked
    | FolderCreated
    | FolderRenamed
    | FolderGone
    | UidValidityChanged
    | FlagsChanged
    | MessagesVanished
    | MessagesReturned
    | SyncReported
    | AccountReported
    | AccessAudited
    | DeadLetter
)
