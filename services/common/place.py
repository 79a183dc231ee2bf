"""A place: where a message is. The identity of every mail event and of a row in ``email_places``."""

import re
from typing import Annotated

from msgspec import Meta, Struct

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


class Place(Struct, frozen=True, kw_only=True, order=True):
    """(account, folder, UIDVALIDITY, UID), RFC 3501 section 2.3.1.1; ``folderid`` is ours and survives a rename."""

    account: Annotated[str, Meta(description="Slug of the account, chosen by its owner.")]
    folder: Annotated[
        str, Meta(description="Decoded name of the folder when the event was made; a label, not an identity.")
    ]
    folderid: Annotated[str, Meta(description="Our id of the folder; a renamed folder keeps it.")]
    uidvalidity: Annotated[int, Meta(description="UIDVALIDITY of the folder; 0 where the server gives none.")]
    uid: Annotated[int, Meta(description="UID of the message in the folder.")]

    @property
    def subject(self) -> str:
        """The place as one string, ``account/folderid/uidvalidity/uid``: record key and ``ce_subject``."""
        return f"{self.account}/{self.folderid}/{self.uidvalidity}/{self.uid}"


def wire_text(wire: bytes) -> str:
    r"""The raw name of a folder as text: non-ASCII octets, control characters and the backslash as ``\xNN``."""
    return "".join(chr(octet) if 32 <= octet < 127 and octet != 92 else f"\\x{octet:02x}" for octet in wire)


def wire_octets(told: str) -> bytes:
    """The raw name of which ``wire_text`` made this."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), told.encode())
