"""What a scripted IMAP server plays: mailboxes as data, hooks for everything that goes wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from services.poller.imap.names import encode_utf7

PASSWORD = "canary-secret-Zx81"
PLAIN = ("IMAP4rev1",)


@dataclass(slots=True)
class Message:
    """``size``: what RFC822.SIZE claims, None: the truth. ``body``: replaces ``BODY[] {n}<bytes>`` in FETCH answers."""

    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)
    internaldate: str = "01-Nov-2026 10:00:00 +0800"
    modseq: int = 1
    size: int | None = None
    body: bytes | None = None
    emailid: str | None = None
    gm_msgid: int | None = None
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Mailbox:
    """A folder. ``uidvalidity`` None: not said. ``uidnext`` None: one above the last; 0: not said; else this value."""

    messages: list[Message] = field(default_factory=list)
    uidvalidity: int | None = 1_700_000_000
    uidnext: int | None = None
    attributes: tuple[str, ...] = ()
    delimiter: str | None = "/"
    mailboxid: str | None = None
    highestmodseq: int | None = None
    nomodseq: bool = False
    gone: list[tuple[int, int]] = field(default_factory=list)
    tag: str = "READ-ONLY"

    def next_uid(self) -> int:
        """UIDNEXT as announced."""
        return self.uidnext or max((m.uid for m in self.messages), default=0) + 1

    def modseq(self) -> int:
        """HIGHESTMODSEQ as announced."""
        known = [m.modseq for m in self.messages] + [modseq for _, modseq in self.gone]
        return self.highestmodseq if self.highestmodseq is not None else max(known, default=1)

    def deliver(self, raw: bytes, **values: object) -> Message:
        """Add a message behind the others."""
        message = Message(self.next_uid(), raw, modseq=self.modseq() + 1, **values)  # type: ignore[arg-type]
        self.messages.append(message)
        return message

    def expunge(self, *uids: int) -> None:
        """Remove messages; QRESYNC remembers them."""
        after = self.modseq() + 1
        self.gone += [(m.uid, after) for m in self.messages if m.uid in uids]
        self.messages = [m for m in self.messages if m.uid not in uids]


@dataclass(slots=True)
class Command:
    """One command as received. ``connection`` counts from 1, ``number`` counts this name over all connections."""

    tag: bytes
    name: str
    arguments: bytes
    connection: int
    number: int

    @property
    def text(self) -> str:
        """Arguments for conditions in hooks."""
        return self.arguments.decode("latin-1")


@dataclass(slots=True)
class Reply:
    """What the server is going to send: ``untagged`` chunks with their CRLF, then ``tagged`` without its tag.

    ``after``: bytes behind it; ``close``: end the connection then; ``cut``: send only so many bytes and close;
    ``pace``: (bytes, seconds) for dribbling; ``stall``: seconds of silence before; ``silent``: send nothing, ever.
    """

    untagged: list[bytes] = field(default_factory=list)
    tagged: bytes = b"OK done"
    after: bytes = b""
    close: bool = False
    cut: int | None = None
    pace: tuple[int, float] | None = None
    stall: float = 0.0
    silent: bool = False
    raw: bytes | None = None

    def wire(self, tag: bytes) -> bytes:
        """All bytes."""
        if self.raw is not None:
            return self.raw
        end = tag + b" " + self.tagged + b"\r\n" if self.tagged else b""
        return b"".join(self.untagged) + end + self.after


HookResult = Reply | None | Awaitable[Reply | None]
Action = Callable[[Command, Reply], HookResult]


@dataclass(slots=True)
class Hook:
    """``action`` changes the reply (or returns another one) of commands named ``name`` whose arguments hold ``has``.

    ``times``: how often it applies; ``skip``: how many matching commands it lets pass first.
    """

    name: str
    action: Action
    has: str = ""
    times: int = 1_000_000
    skip: int = 0


def on(name: str, action: Action, *, has: str = "", times: int = 1_000_000, skip: int = 0) -> Hook:
    """A hook. ``name``: "LOGIN", "EXAMINE", "UID FETCH", "GREETING", "CONNECT", "*"."""
    return Hook(name, action, has, times, skip)


def says(tagged: str | bytes, *untagged: str | bytes, close: bool = False) -> Action:
    """An action that answers this instead of what the server would say."""
    lines = [_bytes(line) + b"\r\n" for line in untagged]
    return lambda _command, _reply: Reply(list(lines), _bytes(tagged), close=close)


def closes(*untagged: str | bytes) -> Action:
    """An action that says these lines and closes."""
    return lambda _command, _reply: Reply([_bytes(line) + b"\r\n" for line in untagged], b"", close=True)


def adds(*untagged: str | bytes, first: bool = True) -> Action:
    """An action that adds lines before (or after) what the server says."""
    lines = [_bytes(line) + b"\r\n" for line in untagged]

    def action(_command: Command, reply: Reply) -> None:
        reply.untagged = [*lines, *reply.untagged] if first else [*reply.untagged, *lines]

    return action


def changes(edit: Callable[[bytes], bytes]) -> Action:
    """An action that edits each untagged chunk; an empty result leaves it out."""

    def action(_command: Command, reply: Reply) -> None:
        reply.untagged = [chunk for chunk in map(edit, reply.untagged) if chunk]

    return action


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


@dataclass
class Script:
    """Everything about one server. Mailboxes are keyed by wire name. ``capabilities`` before and after sign-in."""

    mailboxes: dict[bytes, Mailbox] = field(default_factory=lambda: {b"INBOX": Mailbox()})
    capabilities: tuple[str, ...] = PLAIN
    signed_in: tuple[str, ...] | None = None
    users: dict[str, str] = field(default_factory=lambda: {"user@example.com": PASSWORD})
    tokens: dict[str, str] = field(default_factory=dict)
    challenge: bytes = b"eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0="
    greeting: bytes = b"* OK ready\r\n"
    capability_in: Literal["untagged", "greeting", "ok", "nowhere"] = "untagged"
    certificate: Literal["good", "expired", "wrong-name", "self-signed"] = "good"
    ciphers: str | None = None
    tls: Literal["implicit", "starttls"] = "implicit"
    id_reply: bytes | None = b'("name" "Fake")'
    needs_id: bool = False
    strict_ranges: bool = False
    peek_sets_seen: bool = False
    hooks: list[Hook] = field(default_factory=list)

    def after_sign_in(self) -> tuple[str, ...]:
        """Capabilities after sign-in."""
        return self.capabilities if self.signed_in is None else self.signed_in


def folder(name: str) -> bytes:
    """Wire name of a folder in modified UTF-7."""
    return encode_utf7(name).encode("ascii")


def messages(number: int, size: int = 200, first: int = 1, step: int = 1) -> list[Message]:
    """So many different messages of about ``size`` bytes, UIDs from ``first`` in steps."""
    return [Message(uid, sample(uid, size)) for uid, _ in zip(count(first, step), range(number), strict=False)]


def sample(number: int, size: int = 200) -> bytes:
    """A small message of our own, different for each number."""
    head = (
        f"From: sender{number}@example.org\r\nTo: user@example.com\r\nSubject: Message {number}\r\n"
        f"Message-ID: <m{number}@example.org>\r\nDate: Sun, 01 Nov 2026 10:00:00 +0800\r\n\r\n"
    ).encode()
    line = b"All work and some play, line of message %d.\r\n" % number
    return head + (line * (max(0, size - len(head)) // len(line) + 1))[: max(0, size - len(head))]
