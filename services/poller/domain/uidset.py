"""A set of UIDs as sorted, disjoint, non-adjacent ranges: ten million UIDs cost what their ranges cost."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
MAX_UID = 2**32 - 1


class UidSet:
    """Immutable set of UIDs, 1 to 4294967295 (RFC 3501 section 2.3.1.1). Text form: IMAP sequence-set, low to high."""

    __slots__ = ("_size", "ranges")
    ranges: tuple[Range, ...]

    def __init__(self, ranges: tuple[Range, ...] = ()) -> None:
        """Take ranges that are already sorted, disjoint and not adjacent; ``from_ranges`` takes any."""
        self.ranges = ranges
        self._size = -1

    @classmethod
    def from_ranges(cls, ranges: Iterable[Range]) -> "UidSet":
        """Union of any inclusive ranges, in any order; a range may be given high to low."""
        ordered = sorted((low, high) if low <= high else (high, low) for low, high in ranges)
        return cls(tuple(_merged(ordered)))

    @classmethod
    def of(cls, uids: Iterable[int]) -> "UidSet":
        """The set of these UIDs, in any order, repeats allowed."""
        return cls(tuple(_merged((uid, uid) for uid in sorted(uids))))

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
        return cls.from_ranges(_parse_range(part) for part in text.split(",")) if text else cls()

    @classmethod
    def from_multirange(cls, text: str) -> "UidSet":
        """Read Postgres' ``{[1,4),[7,8)}``. Raises ValueError for another form."""
        if not (text.startswith("{") and text.endswith("}")):
            raise ValueError("not a multirange")
        bounds = text[1:-1].replace("[", "").replace(")", "").split(",") if text != "{}" else []
        return cls.from_ranges((int(low), int(high) - 1) for low, high in zip(bounds[::2], bounds[1::2], strict=True))

    def text(self) -> str:
        """The sequence-set form, low to high: some servers refuse ranges written the other way."""
        return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in self.ranges)

    def multirange(self) -> str:
        """The form of Postgres' ``int8multirange``."""
        return "{" + ",".join(f"[{low},{high + 1})" for low, high in self.ranges) + "}"

    def chunks(self, size: int) -> Iterator["UidSet"]:
        """Disjoint sets of at most ``size`` UIDs, lowest first."""
        taken: list[Range] = []
        room = size
        for low, high in self.ranges:
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
        for low, high in reversed(self.ranges):
            if count <= 0:
                break
            start = max(low, high - count + 1)
            taken.append((start, high))
            count -= high - start + 1
        return UidSet(tuple(reversed(taken)))

    @property
    def lowest(self) -> int:
        """The lowest UID. Raises IndexError when empty."""
        return self.ranges[0][0]

    @property
    def highest(self) -> int:
        """The highest UID. Raises IndexError when empty."""
        return self.ranges[-1][1]

    def __or__(self, other: "UidSet") -> "UidSet":
        if not self.ranges or not other.ranges:
            return self if self.ranges else other
        return UidSet(tuple(_merged(sorted((*self.ranges, *other.ranges)))))

    def __and__(self, other: "UidSet") -> "UidSet":
        return UidSet(tuple(_intersection(self.ranges, other.ranges)))

    def __sub__(self, other: "UidSet") -> "UidSet":
        if not self.ranges or not other.ranges:
            return self
        return UidSet(tuple(_difference(self.ranges, other.ranges)))

    def __contains__(self, uid: int) -> bool:
        place = bisect_right(self.ranges, (uid, MAX_UID * 2)) - 1
        return place >= 0 and self.ranges[place][1] >= uid

    def __iter__(self) -> Iterator[int]:
        for low, high in self.ranges:
            yield from range(low, high + 1)

    def __len__(self) -> int:
        if self._size < 0:
            self._size = sum(high - low + 1 for low, high in self.ranges)
        return self._size

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidSet) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __repr__(self) -> str:
        text = self.text()
        return f"UidSet({text if len(text) <= 60 else text[:57] + '...'})"


EMPTY = UidSet()


class Gathering:
    """Collects UIDs one by one, in any order; a million in a row cost what one range costs."""

    __slots__ = ("_done", "_high", "_low")

    def __init__(self) -> None:
        self._done: list[Range] = []
        self._low, self._high = 0, 0

    def add(self, uid: int) -> None:
        """Take one UID."""
        if uid == self._high + 1 and self._high:
            self._high = uid
            return
        if self._high:
            self._done.append((self._low, self._high))
        self._low = self._high = uid

    def result(self) -> UidSet:
        """All of them as a set."""
        last = [(self._low, self._high)] if self._high else []
        return UidSet.from_ranges([*self._done, *last])


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


def _intersection(left: tuple[Range, ...], right: tuple[Range, ...]) -> Iterator[Range]:
    i = j = 0
    while i < len(left) and j < len(right):
        low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if low <= high:
            yield low, high
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def _difference(left: tuple[Range, ...], right: tuple[Range, ...]) -> Iterator[Range]:
    j = 0
    for low, high in left:
        while j < len(right) and right[j][1] < low:
            j += 1
        k = j
        while k < len(right) and right[k][0] <= high:
            if right[k][0] > low:
                yield low, right[k][0] - 1
            low = right[k][1] + 1
            k += 1
        if low <= high:
            yield low, high
