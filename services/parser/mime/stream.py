"""A message behind a ``Source``, seen through a few blocks in memory, with the interface of ``bytes`` that we need."""

from collections import OrderedDict
from hashlib import sha256

from services.parser.mime.result import Source

BLOCK = 256 * 1024
_KEPT = 8


class Window:
    """Octets read by blocks; each block is hashed the first time it is read in order, so one pass gives the hash."""

    def __init__(self, source: Source, block: int = BLOCK) -> None:
        self._source = source
        self._size = source.size
        self._block = block
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._digest = sha256()
        self._hashed = 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice, /) -> bytes:
        start, stop, _ = key.indices(self._size)
        if start >= stop:
            return b""
        first, last = start // self._block, (stop - 1) // self._block
        if first == last:
            base = first * self._block
            return self._load(first)[start - base : stop - base]
        joined = b"".join([self._load(number) for number in range(first, last + 1)])
        base = first * self._block
        return joined[start - base : stop - base]

    def find(self, sub: bytes, start: int, end: int, /) -> int:
        """As ``bytes.find``; a match across two blocks is found in the octets around their border."""
        end = min(end, self._size)
        overlap = len(sub) - 1
        while start < end:
            number = start // self._block
            border = (number + 1) * self._block
            base = number * self._block
            found = self._load(number).find(sub, start - base, max(min(end, border) - base, 0))
            if found >= 0:
                return base + found
            if overlap and border < end:
                low = max(start, border - overlap)
                around = self[low : min(border + overlap, end)].find(sub)
                if around >= 0:
                    return low + around
            start = border
        return -1

    def sha256(self) -> str:
        """The hash of all octets; reads what was not read yet."""
        for number in range(self._hashed, -(-self._size // self._block)):
            self._load(number)
        return self._digest.hexdigest()

    def _load(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            offset = number * self._block
            block = self._source.read(offset, min(self._block, self._size - offset))
            self._blocks[number] = block
            if len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        if number == self._hashed:
            self._digest.update(block)
            self._hashed += 1
        return block
