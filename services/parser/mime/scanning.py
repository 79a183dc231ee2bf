"""What the scanner knows while it reads."""

from services.common.email import Defect
from services.parser.mime.content import Content
from services.parser.mime.limits import Limits
from services.parser.mime.result import Octets
from services.parser.mime.tree import Part


class Frame:
    """An open multipart: its token, what the token meant before, and the part that its children go to."""

    def __init__(
        self,
        part: Part,
        token: bytes,
        covered: "Frame | None",
        needle: bytes,
        prefix: bytes,
        adopter: Part,
        child: Content,
        current: Part | None = None,
    ) -> None:
        self.part = part
        self.token = token
        self.covered = covered
        self.needle = needle
        self.prefix = prefix
        self.adopter = adopter
        self.child = child
        self.current = current


class Scan:
    """How far a scan is: the parts found, the multiparts that are open, and these by their tokens."""

    def __init__(self, data: Octets, end: int, newline: bytes, limits: Limits, defects: list[Defect]) -> None:
        self.data = data
        self.end = end
        self.newline = newline
        self.limits = limits
        self.defects = defects
        self.parts: list[Part] = []
        self.stack: list[Frame] = []
        self.tokens: dict[bytes, Frame] = {}
        self.longest = 0
        self.hunts = 100
        """How many nested multiparts may still be searched for the boundary that they use instead of their own."""
        self.charset: str | None = None
        """That of the first text that tells, in which raw octets of later fields probably are."""
        self.guessed: str | None = None
        """What raw octets in the fields of the message look like."""


class Hit:
    """A delimiter line: where the content before it ends, where the line ends, whose it is, whether it closes."""

    def __init__(self, cut: int, after: int, frame: Frame, closing: bool) -> None:
        self.cut = cut
        self.after = after
        self.frame = frame
        self.closing = closing


def common(one: bytes, other: bytes) -> bytes:
    """The octets that both start with."""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:same]
