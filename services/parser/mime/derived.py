"""A file found inside another part."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Derived:
    """A file that a part contains in a form of its own: uuencode in a text, an attachment in winmail.dat.

    ``offset`` and ``length`` tell where it stands in the decoded octets or characters it was found in.
    """

    name: str | None
    type: str | None
    data: bytes
    offset: int = 0
    length: int = 0
    cid: str | None = None
