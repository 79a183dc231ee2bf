"""The vocabulary: one frozen Struct per event version. Names are past participles; schemas/ is written from here.

Mail events carry a :class:`Place`, which is their identity: the same place and the same event give the same id.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.common.email import Email, Moment
from services.common.place import Place

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, lower-case hexadecimal.")]
UidSetText = Annotated[str, Meta(description="UIDs as an IMAP sequence-set (RFC 3501 section 9), empty for none.")]
AccountState = Literal["active", "paused", "attention", "backoff", "removed"]
SignIn = Literal[
    "ok", "credential", "ambiguous", "temporary", "throttled", "configuration", "consent", "tls", "network", "unknown"
]
Epoch = Annotated[int, Meta(description="Our counter, one more for each accepted UIDVALIDITY change.")]
Sequence = Annotated[
    int, Meta(description="Grows with each event about the same thing; an older one never overwrites.")
]

INLINE = 900 * 1024  # octets that travel in a record: Kafka takes 1 MB with headers


class DataRef(Struct, frozen=True):
    """Claim check: where bytes lie that are too large for a record. ``first`` and ``last`` are inclusive offsets."""

    uri: Annotated[str, Meta(description="s3://bucket/key")]
    first: int | None = None
    last: int | None = None


class MailEvent(Struct, frozen=True, kw_only=True):
    """What every event about one message carries; each field is also a CloudEvents extension attribute."""

    place: Annotated[Place, Meta(description="Where the message is.")]
    contentsha256: Sha256
    internaldate: Annotated[Moment | None, Meta(description="INTERNALDATE of the server (RFC 3501 section 2.3.3).")]
    size: Annotated[int, Meta(ge=0, description="Octets of the exact raw message.")]


class MessageFetched(MailEvent, frozen=True, kw_only=True):
    """``mail.fetched``: the exact message, or a claim check for it."""

    body: bytes | DataRef
    hashed: bool = False  # the hash was taken of this very body, in this process; a record never says so
    flags: Annotated[tuple[str, ...], Meta(description="Flags when fetched (RFC 3501 section 2.3.2).")] = ()
    emailid: Annotated[str | None, Meta(description="EMAILID (RFC 8474) or X-GM-MSGID, where the server has one.")] = (
        None
    )
    labels: Annotated[tuple[str, ...], Meta(description="X-GM-LABELS, decoded.")] = ()


class EmailParsed(MailEvent, frozen=True, kw_only=True):
    """``mail.parsed``: one RFC 8621 Email object with the ``mailweir`` extension."""

    email: Annotated[Email, Meta(description="The parsed message.")]
    flags: Annotated[tuple[str, ...], Meta(description="Flags when fetched.")] = ()


class AttachmentExtracted(MailEvent, frozen=True, kw_only=True):
    """``mail.attachments``: one decoded file, or the range of the raw message that holds it, still encoded."""

    body: bytes | DataRef
    hashed: bool = False  # as of a fetched message
    encoding: Annotated[
        str, Meta(description="Transfer encoding of the range behind a claim check; identity for a value.")
    ] = "identity"
    partid: Annotated[str, Meta(description="partId in bodyStructure, or the id of a derived part.")]
    partsha256: Sha256
    partsize: Annotated[int, Meta(ge=0, description="Octets of the decoded file.")]
    contenttype: Annotated[str, Meta(description="Media type as declared by the sender.")]
    filename: Annotated[str | None, Meta(description="File name as sent, decoded.")] = None
    safename: Annotated[str, Meta(description="File name that is safe to use as one path segment.")]
    disposition: Annotated[str | None, Meta(description="Content-Disposition type in lower case.")] = None


class ObjectFiled(MailEvent, frozen=True, kw_only=True):
    """``mail.filed``: an object is now in the store; its bytes have the stated hash."""

    kind: Annotated[Literal["message", "attachment"], Meta(description="What the object is.")]
    sha256: Sha256
    bucket: Annotated[str, Meta(description="Bucket of the object.")]
    key: Annotated[str, Meta(description="Key of the object in the bucket.")]
    objectsize: Annotated[int, Meta(ge=0, description="Octets of the object.")]
    contenttype: Annotated[str, Meta(description="Content type of the object.")]
    detectedtype: Annotated[str | None, Meta(description="Media type by magic bytes.")] = None
    partid: Annotated[str | None, Meta(description="partId of the attachment; null for a message.")] = None
    filename: Annotated[str | None, Meta(description="File name as sent, decoded.")] = None


class FolderEvent(Struct, frozen=True, kw_only=True):
    """What every event about one folder carries."""

    account: Annotated[str, Meta(description="Slug of the account.")]
    folderid: Annotated[str, Meta(description="Our id of the folder; a renamed folder keeps it.")]
    folder: Annotated[str, Meta(description="Decoded name.")]
    wire: Annotated[str, Meta(description="Raw name on the wire; non-ASCII bytes and backslash as \\xNN.")]
    uidvalidity: Annotated[int, Meta(description="UIDVALIDITY of the folder; 0 where the server gives none.")]
    sequence: Sequence


class FolderCreated(FolderEvent, frozen=True, kw_only=True):
    """A folder was seen for the first time."""

    delimiter: Annotated[str | None, Meta(description="Hierarchy delimiter; null in a flat namespace.")] = None
    specialuse: Annotated[str | None, Meta(description="RFC 6154 attribute such as \\Sent.")] = None


class FolderRenamed(FolderEvent, frozen=True, kw_only=True):
    """A known folder has another name; its id and its mail stay."""

    oldfolder: Annotated[str, Meta(description="Decoded name before.")]
    oldwire: Annotated[str, Meta(description="Raw name before.")]


class FolderGone(FolderEvent, frozen=True, kw_only=True):
    """A folder is no longer listed, confirmed by a second look. Nothing of ours is deleted."""


class UidValidityChanged(FolderEvent, frozen=True, kw_only=True):
    """A new epoch of a folder, with the remap report (RFC 3501 section 2.3.1.1)."""

    epoch: Epoch
    olduidvalidity: Annotated[int, Meta(description="UIDVALIDITY of the epoch before.")]
    relinked: Annotated[int, Meta(description="Places linked to content that was already stored.")] = 0
    refetched: Annotated[int, Meta(description="Places whose content was downloaded again.")] = 0
    gone: Annotated[int, Meta(description="Places of the old epoch without a counterpart.")] = 0


class PlaceRelinked(MailEvent, frozen=True, kw_only=True):
    """A place of a new epoch whose content is already stored: nothing was downloaded."""

    flags: Annotated[tuple[str, ...], Meta(description="Flags when seen.")] = ()


class FlagSet(Struct, frozen=True):
    """UIDs that share exactly these flags (and labels)."""

    uids: UidSetText
    flags: Annotated[tuple[str, ...], Meta(description="Flags as they are now.")]
    labels: Annotated[
        tuple[str, ...] | None, Meta(description="X-GM-LABELS as they are now; null where there are none.")
    ] = None


class FlagsChanged(FolderEvent, frozen=True, kw_only=True):
    """Flags as they are now, grouped."""

    changes: Annotated[tuple[FlagSet, ...], Meta(description="Groups of UIDs with the same flags.")]


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

    epoch: Epoch
    listed: Annotated[int, Meta(description="UIDs that the server was ever seen to list in this epoch.")]
    published: Annotated[int, Meta(description="UIDs whose message was published.")]
    quarantined: Annotated[int, Meta(description="UIDs that could not be retrieved, each with a reason.")]
    vanished: Annotated[int, Meta(description="UIDs that the server no longer lists.")]
    missing: Annotated[int, Meta(description="listed - published - quarantined - vanished.")]
    servercount: Annotated[int, Meta(description="EXISTS of the folder at the last look.")]
    passedat: Annotated[Moment, Meta(description="When the pass ended.")]
    lasterror: Annotated[str | None, Meta(description="Class and text of the last failure; null when clean.")] = None
    nexttry: Annotated[Moment | None, Meta(description="When the next try is due.")] = None
    budgetleft: Annotated[int | None, Meta(description="Octets left of today's provider budget.")] = None


class AccountReported(Struct, frozen=True, kw_only=True):
    """State of one account: sign-in, back-off, expiry of a token or code."""

    account: Annotated[str, Meta(description="Slug of the account.")]
    state: Annotated[AccountState, Meta(description="What the poller does with the account.")]
    signin: Annotated[SignIn, Meta(description="Class of the last sign-in.")]
    detail: Annotated[str, Meta(description="What was seen, without anything secret.")] = ""
    advice: Annotated[str, Meta(description="What a person can do about it.")] = ""
    nexttry: Annotated[Moment | None, Meta(description="When the next try is due.")] = None
    expiresat: Annotated[Moment | None, Meta(description="When the grant or authorization code ends, if known.")] = None
    sequence: Sequence


class AccessAudited(Struct, frozen=True, kw_only=True):
    """``mail.audit``: one mail-access operation. Never content, never a secret."""

    id: Annotated[str, Meta(description="Id of the operation; also ce_id.")]
    at: Annotated[Moment, Meta(description="When.")]
    service: Annotated[str, Meta(description="Service that did it.")]
    account: Annotated[str, Meta(description="Slug of the account.")]
    action: Annotated[str, Meta(description="connect, signin, list, examine, fetch, erase, decrypt, ...")]
    outcome: Annotated[Literal["ok", "failed"], Meta(description="How it ended.")]
    folderid: Annotated[str | None, Meta(description="Our id of the folder.")] = None
    folder: Annotated[str | None, Meta(description="Decoded name of the folder.")] = None
    uidvalidity: Annotated[int | None, Meta(description="UIDVALIDITY of the folder.")] = None
    uids: Annotated[str | None, Meta(description="UIDs as an IMAP sequence-set.")] = None
    octets: Annotated[int | None, Meta(description="Octets transferred.")] = None
    detail: Annotated[str, Meta(description="Short, without content or secret.")] = ""


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
