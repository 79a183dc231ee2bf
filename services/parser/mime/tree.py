"""The parts of a message as the scanner finds them."""

from msgspec import Struct

from services.parser.mime.content import Content
from services.parser.mime.fields import Header


class Part(Struct):
    """One part: path, fields, and where its header, body and end are in the message."""

    path: str
    header: Header
    content: Content
    start: int
    body: int
    end: int
    children: "list[Part] | None" = None


class Tree(Struct, frozen=True):
    """The root and all parts in document order."""

    root: Part
    parts: list[Part]
