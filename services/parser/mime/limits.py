"""Bounds of the parser. Each one flags and keeps going; none of them fails a message."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What a message may cost. Octets, characters or counts; a value reached is told as a ``limit.*`` defect."""

    depth: int = 100
    """Nested multiparts told as such; deeper ones are flattened into the last level."""
    parts: int = 5_000
    header_block: int = MIB
    fields: int = 10_000
    """Fields of one header block; of later ones only the first 100 that facts are read from stay in ``headers``."""
    field: int = 256 * KIB
    """Longest field that is parsed for structure; a longer one stays in ``headers``."""
    addresses: int = 10_000
    parameters: int = 100
    references: int = 1_000
    text: int = 2 * MIB
    """Decoded octets of one part that become text."""
    derived: int = 16 * MIB
    """Decoded octets of a part that is looked into (TNEF, calendar, report, nested message)."""
    html: int = 512 * KIB
    """Characters of HTML that text is derived from: more than anyone reads, less than 0.2 s."""
    children: int = 100
    """Nested messages told as children, and invitations told as such; all of them are attachments too."""
    texts: int = 1_000
    """Texts of the body that are decoded; later ones are told as files too."""
    flowed: int = 200_000
    """Lines of format=flowed that are joined; a longer text stays as it was sent."""
    calendar: int = 128 * KIB
    """Characters of invitations that are read, those of nested messages among them."""
    files: int = 1_000
    """Files that are found inside texts and TNEF."""
    child_depth: int = 1
    defects: int = 1_000
