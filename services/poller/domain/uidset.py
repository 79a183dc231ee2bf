"""A set of UIDs as sorted, disjoint, non-adjacent ranges: ten million UIDs cost what their ranges cost.

A range costs eight octets: a server that gives every seventh UID has as many ranges as messages.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice

Range = tuple[int, int]
MAX_UID = 2**32 - 1
_BOUNDS = re.compile(r"\[(\d+),(\d+)\)")


class UidSet:
    """Immutable set of UIDs, 1 to 4294967295 (RFC 3501 section 2.3.1.1). Text form: IMAP sequence-set, low to high."""

    __slots__ = ("_highs", "_lows", "_size")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        """Take ranges that are already sorted, disjoint and not adjacent; ``from_ranges`` takes any."""
        self._lows, self._highs = array("I"), array("I")
        low_end, high_end = self._lows.append, self._highs.append
        for low, high in ranges:
            low_end(low)
            high_end(high)
        self._size = -1

    @classmethod
    def _of_ends(cls, lows: "array[int]", highs: "array[int]") -> "UidSet":
        made = cls()
        made._lows, made._highs = lows, highs
        return made

    @classmethod
    def from_ranges(cls, ranges: Iterable[Range]) -> "UidSet":
        """Union of any inclusive ranges, in any order; a range may be given high to low."""
        gathering = Gathering()
        for low, high in ranges:
            gathering.add_range(min(low, high), max(low, high))
        return gathering.result()

    @classmethod
    def of(cls, uids: Iterable[int]) -> "UidSet":
        """The set of these UIDs, in any order, repeats allowed."""
        return cls(_merged((uid, uid) for uid in sorted(uids)))

    @classmethod
    def range(cls, low: int, high: int) -> "UidSet":
        """All UIDs from ``low`` to ``high``; empty when ``high`` is below ``low``."""
        return cls(((low, high),)) if low <= high else cls()

    @classmethod
    def parse(cls, text: str) -> "UidSet":
        """Read a sequence-set such as ``1:3,7``; the empty text is the empty set.

        Raises:
            ValueError: anything else than numbers from 1 to 4294967295, ``:`` and ``,``.
        """
        return cls.from_ranges(_parse_range(part) for part in _pieces(text)) if text else cls()

    @classmethod
    def from_multirange(cls, text: str) -> "UidSet":
        """Read Postgres' ``{[1,4),[7,8)}``. Raises ValueError for another form."""
        if not (text.startswith("{") and text.endswith("}")):
            raise ValueError("not a multirange")
        return cls.from_ranges((int(found[1]), int(found[2]) - 1) for found in _BOUNDS.finditer(text))

    @property
    def ranges(self) -> tuple[Range, ...]:
        """All ranges at once: for sets that are known to be small."""
        return tuple(self.spans())

    def spans(self) -> Iterator[Range]:
        """One range after the other, low to high."""
        return zip(self._lows, self._highs, strict=True)

    @property
    def parts(self) -> int:
        """How many ranges there are."""
        return len(self._lows)

    def text(self) -> str:
        """The sequence-set form, low to high: some servers refuse ranges written the other way."""
        return _joined(str(low) if low == high else f"{low}:{high}" for low, high in self.spans())

    def multirange(self) -> str:
        """The form of Postgres' ``int8multirange``."""
        return "{" + _joined(f"[{low},{high + 1})" for low, high in self.spans()) + "}"

    def chunks(self, size: int) -> Iterator["UidSet"]:
        """Disjoint sets of at most ``size`` UIDs, lowest first."""
        taken: list[Range] = []
        room = size
        for low, high in self.spans():
            while low <= high:
                end = min(high, low + room - 1)
                taken.append((low, end))
                room -= end - low + 1
                low = end + 1
                if room == 0:
                    yield UidSet(tuple(taken))
                    taken, room = [], size
        if taken:
            yield UidSet(tuple(taken))

    def newest(self, count: int) -> "UidSet":
        """The highest ``count`` UIDs."""
        taken: list[Range] = []
        for low, high in zip(reversed(self._lows), reversed(self._highs), strict=True):
            if count <= 0:
                break
            start = max(low, high - count + 1)
            taken.append((start, high))
            count -= high - start + 1
        return UidSet(tuple(reversed(taken)))

    @property
    def lowest(self) -> int:
        """The lowest UID. Raises IndexError when empty."""
        return self._lows[0]

    @property
    def highest(self) -> int:
        """The highest UID. Raises IndexError when empty."""
        return self._highs[-1]

    def __or__(self, other: "UidSet") -> "UidSet":
        if not self or not other or self == other:
            return self or other
        return UidSet(_merged(merge(self.spans(), other.spans())))

    def __and__(self, other: "UidSet") -> "UidSet":
        if self.parts > 1 and other.parts > 1:
            return self if self == other else UidSet(_intersection(self, other))
        few, many = sorted((self, other), key=lambda uids: uids.parts)
        return many._between(few.lowest, few.highest) if few else EMPTY

    def __sub__(self, other: "UidSet") -> "UidSet":
        if not self or not other:
            return self
        return EMPTY if self == other else UidSet(_difference(self, other))

    def _between(self, low: int, high: int) -> "UidSet":
        first, end = bisect_left(self._highs, low), bisect_right(self._lows, high)
        cut = UidSet._of_ends(self._lows[first:end], self._highs[first:end])
        if cut:
            cut._lows[0], cut._highs[-1] = max(low, cut._lows[0]), min(high, cut._highs[-1])
        return cut

    def __contains__(self, uid: int) -> bool:
        place = bisect_right(self._lows, uid) - 1
        return place >= 0 and self._highs[place] >= uid

    def __iter__(self) -> Iterator[int]:
        for low, high in self.spans():
            yield from range(low, high + 1)

    def __len__(self) -> int:
        if self._size < 0:
            self._size = sum(self._highs) - sum(self._lows) + len(self._lows)
        return self._size

    def __bool__(self) -> bool:
        return bool(self._lows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidSet) and self._lows == other._lows and self._highs == other._highs

    def __hash__(self) -> int:
        return hash((self._lows.tobytes(), self._highs.tobytes()))

    def __repr__(self) -> str:
        text = self.text()
        return f"UidSet({text if len(text) <= 60 else text[:57] + '...'})"


EMPTY = UidSet()


class Gathering:
    """Collects UIDs one by one, in any order; a million in a row cost what one range costs."""

    __slots__ = ("_high", "_highs", "_low", "_lows", "_sorted")

    def __init__(self) -> None:
        self._lows, self._highs = array("I"), array("I")
        self._low, self._high = 0, 0
        self._sorted = True

    def add(self, uid: int) -> None:
        """Take one UID."""
        if uid == self._high + 1 and self._high:
            self._high = uid
        else:
            self.add_range(uid, uid)

    def add_range(self, low: int, high: int) -> None:
        """Take all UIDs from ``low`` to ``high``."""
        if self._high and self._low <= low <= self._high + 1:
            self._high = max(self._high, high)
            return
        self._sorted = self._sorted and low > self._high
        self._close()
        self._low, self._high = low, high

    def _close(self) -> None:
        if self._high:
            self._lows.append(self._low)
            self._highs.append(self._high)

    def result(self) -> UidSet:
        """All of them as a set; nothing more is taken."""
        self._close()
        self._low = self._high = 0
        if self._sorted:
            return UidSet._of_ends(self._lows, self._highs)
        return UidSet(_merged(sorted(zip(self._lows, self._highs, strict=True))))


def _joined(pieces: Iterator[str]) -> str:
    """``",".join(pieces)`` without holding all of them."""
    groups = []
    while group := list(islice(pieces, 4096)):
        groups.append(",".join(group))
    return ",".join(groups)


def _pieces(text: str) -> Iterator[str]:
    """``text.split(",")`` without holding all of it."""
    start = 0
    while (end := text.find(",", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _parse_range(part: str) -> Range:
    low, colon, high = part.partition(":")
    return _uid(low), _uid(high if colon else low)


def _uid(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) <= MAX_UID):
        raise ValueError("not a UID from 1 to 4294967295")
    return int(text)


def _merged(ordered: Iterable[Range]) -> Iterator[Range]:
    """Sorted ranges with overlaps and neighbours joined."""
    start, end = 0, -1
    for low, high in ordered:
        if low <= end + 1 and end >= 0:
            end = max(end, high)
            continue
        if end >= 0:
            yield start, end
        start, end = low, high
    if end >= 0:
        yield start, end


def _intersection(left: UidSet, right: UidSet) -> Iterator[Range]:
    ours, theirs = left.spans(), right.spans()
    mine, other = next(ours, None), next(theirs, None)
    while mine is not None and other is not None:
        low, high = max(mine[0], other[0]), min(mine[1], other[1])
        if low <= high:
            yield low, high
        if mine[1] < other[1]:
            mine = next(ours, None)
        else:
            other = next(theirs, None)


def _difference(left: UidSet, right: UidSet) -> Iterator[Range]:
    theirs = right.spans()
    other = next(theirs, None)
    for low, high in left.spans():
        start = low
        while other is not None and other[0] <= high:
            if other[0] > start:
                yield start, other[0] - 1
            start = max(start, other[1] + 1)
            if other[1] > high:
                break
            other = next(theirs, None)
        if start <= high:
            yield start, high
