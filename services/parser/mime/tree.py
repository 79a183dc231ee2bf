"""The parts of a message as the scanner finds them."""

from services.parser.mime.content import Content
from services.parser.mime.fields import Header


class Part:
    """One part: path, fields, and where its header, body and end are in the message."""

    def __init__(
        self,
        path: str,
        header: Header,
        content: Content,
        start: int,
        body: int,
        end: int,
        children: "list[Part] | None" = None,
    ) -> None:
        self.path = path
        self.header = header
        self.content = content
        self.start = start
        self.body = body
        self.end = end
        self.children = children


class Tree:
    """The root and all parts in document order."""

    def __init__(self, root: Part, parts: list[Part]) -> None:
        self.root = root
        self.parts = parts
