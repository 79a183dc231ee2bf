"""The decoded octets of leaves: hashed always, kept when the message lies in memory, kept for a while otherwise."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final, Protocol

from services.common.email import Defect
from services.common.message import transfer
from services.common.message.incremental import decoder
from services.parser.mime.result import Octets
from services.parser.mime.tree import Part

BLOCK: Final = 1 << 18
_AFTER_PADDING: Final = b"= \t\r\n"
_BLANKS_AT_END: Final = 4096


class Leaf:
    """What a leaf decodes to. ``head`` are its first octets, as many as were asked for; ``data`` all of them."""

    def __init__(self, part: Part, size: int, sha256: str, head: bytes, data: bytes | None) -> None:
        self.part = part
        self.size = size
        self.sha256 = sha256
        self.head = head
        self.data = data


class Load(Protocol):
    """How to get at a leaf; ``keep`` is how many of its octets are wanted."""

    def __call__(self, part: Part, keep: int, defects: list[Defect], /) -> Leaf:
        """The decoded leaf; a repair is added to ``defects``."""
        ...


class InMemory:
    """Leaves of a message that is one ``bytes``."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __call__(self, part: Part, keep: int, defects: list[Defect], /) -> Leaf:
        """The leaf, decoded in one step without a copy of its encoded form."""
        encoding = part.content.encoding
        if encoding == "identity":
            data = self._raw[part.body : part.end]
        else:
            data, defect = self._decoded(part, encoding)
            if defect:
                defects.append(Defect(defect, part.path, part.body))
        return Leaf(part, len(data), sha256(data).hexdigest(), data, data)

    def _decoded(self, part: Part, encoding: str) -> tuple[bytes, str | None]:
        if encoding != "base64":
            return transfer.decode(self._raw[part.body : part.end], encoding)
        first = self._raw.find(b"=", part.body, part.end)
        clean = first < 0 or (
            part.end - first < _BLANKS_AT_END and not self._raw[first : part.end].strip(_AFTER_PADDING)
        )
        return transfer.base64(memoryview(self._raw)[part.body : part.end], clean=clean)


class Streamed:
    """Leaves of a message behind a ``Source``: read, decoded and hashed in blocks."""

    def __init__(self, octets: Octets) -> None:
        self._octets = octets

    def __call__(self, part: Part, keep: int, defects: list[Defect], /) -> Leaf:
        """The leaf with its first ``keep`` octets, and all of them when there are no more."""
        digest, size, kept, held = sha256(), 0, [], 0
        for block in self._blocks(part, defects):
            digest.update(block)
            size += len(block)
            if held < keep:
                kept.append(block[: keep - held])
                held += len(kept[-1])
        head = b"".join(kept)
        return Leaf(part, size, digest.hexdigest(), head, head if held == size else None)

    def _blocks(self, part: Part, defects: list[Defect]) -> Iterator[bytes]:
        decoding = decoder(part.content.encoding)
        for offset in range(part.body, part.end, BLOCK):
            yield decoding.feed(self._octets[offset : min(offset + BLOCK, part.end)])
        yield decoding.finish()
        if decoding.defect:
            defects.append(Defect(decoding.defect, part.path, part.body))
