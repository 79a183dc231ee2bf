"""Commands on their way and what came for them."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from aioimaplib.aioimaplib import Commands

from services.poller.imap.encode import Argument
from services.poller.imap.errors import ResponseTooLarge
from services.poller.imap.model import Limits
from services.poller.imap.responses import Status
from services.poller.imap.spooling import discard
from services.poller.imap.tokens import Part

_BEFORE = ("CAPABILITY", "ID", "LOGIN", "AUTHENTICATE", "STARTTLS", "ENABLE", "NAMESPACE", "LIST", "STATUS")
ALLOWED = frozenset({*_BEFORE, "NOTIFY", "EXAMINE", "UID FETCH", "UID SEARCH", "NOOP", "IDLE", "UNSELECT", "LOGOUT"})
_OF_FOLDERS = frozenset({"LIST", "NOTIFY", "EXAMINE"})
_MOST_MESSAGES = 20_000_000
_FOLDERS = 200_000
_NOISE = 20_000


class Line(NamedTuple):
    """A command to send. ``wants``: upper-case words of the untagged responses it takes."""

    name: str
    arguments: list[Argument]
    wants: frozenset[bytes]


@dataclass(slots=True)
class Exchange:
    """One command and what came for it. ``line``: what was sent ahead; others may hold a secret."""

    name: str
    tag: bytes
    wants: frozenset[bytes]
    most_items: int
    most_bytes: int
    frames: list[list[Part]] = field(default_factory=list)
    prompts: deque[bytes] = field(default_factory=deque)
    queued: int = 0
    items: int = 0
    bytes: int = 0
    tagged: Status | None = None
    line: Line | None = None
    fetches: bool = field(init=False)

    def __post_init__(self) -> None:
        self.fetches = b"FETCH" in self.wants

    def take(self, parts: list[Part], size: int) -> None:
        """Keep a response, of ``size`` bytes, for the reader."""
        self.frames.append(parts)
        self.queued += size + 200

    def ready(self, *, ended: bool) -> list[list[Part]]:
        """What may be read now: until the answer has ``ended`` its last message waits, for it may have been cut."""
        held = bool(self.frames) and len(self.frames[-1]) > 1 and not (ended or self.tagged)
        frames = self.frames[:-1] if held else self.frames
        self.frames, self.queued = self.frames[len(frames) :], 0
        return frames

    def stray(self, *, ends_an_answer: bool) -> None:
        """A line that is no response, although it may be the end of one: what a literal was too short for.

        The message before it cannot be believed, and its answer cannot be read any more.
        """
        if ends_an_answer and self.frames and len(self.frames[-1]) > 1:
            self.frames[-1].append(b"")

    def answer(self, said: Status) -> None:
        """Take the tagged answer. From that of EXAMINE on the folder is open: what comes behind it is news of it."""
        self.tagged = said
        if self.name == "EXAMINE":
            self.wants, self.fetches = frozenset(), False

    def drop(self) -> None:
        """Forget what nobody will read, files included."""
        for frame in self.frames:
            discard(frame)
        self.frames.clear()

    def count(self, line: int) -> None:
        """One more response, wanted or not. Raises ResponseTooLarge beyond ``most_items`` or ``most_bytes``."""
        self.items += 1
        self.bytes += line
        if self.items > self.most_items or self.bytes > self.most_bytes:
            raise ResponseTooLarge(f"the answer to {self.name} has no end ({self.items} responses)")


def made(line: Line, tag: bytes, state: str, exists: int, limits: Limits) -> Exchange:
    """An exchange for a command that may be sent in this state. Raises AssertionError where it may not."""
    if line.name not in ALLOWED:
        raise AssertionError("not a read-only command")
    known = Commands.get(line.name.split(" ", 1)[0])
    if known is not None and state not in known.valid_states:
        raise AssertionError(f"{line.name} in state {state}")
    return Exchange(line.name, tag, line.wants, *response_caps(line.name, exists, limits))


def response_caps(name: str, exists: int, limits: Limits) -> tuple[int, int]:
    """Responses and bytes of lines that one command may bring: what is plausible for a folder of ``exists`` messages.

    Those of ``_OF_FOLDERS`` have to be kept whole, so theirs is lower than the stream of a FETCH.
    """
    plausible = min(exists, _MOST_MESSAGES)
    if name.startswith("UID"):
        return min(limits.items, _NOISE) + 4 * plausible, limits.response + 1024 * plausible
    return min(limits.items, _FOLDERS if name in _OF_FOLDERS else _NOISE + 4 * plausible), limits.response
