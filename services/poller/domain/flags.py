"""Flags and labels of a whole folder as one UID set for each: small to keep, quick to compare. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import msgspec

from services.common.events import FlagSet
from services.poller.domain.uidset import EMPTY, Gathering, UidSet

LABEL = "X-GM-LABELS "  # before a label among the names of flags, which have no space
ROOM = 900 * 1024  # octets of the groups of one event
RECENT = "\\recent"  # belongs to a session, not to a message (RFC 3501 section 2.3.2)
_JSON = msgspec.json.Encoder()


class Flags:
    """Collects flags while a folder is enumerated. Who is told of again has what was told last."""

    def __init__(self) -> None:
        self._uids: dict[str, Gathering] = {}
        self._flags: dict[int, Sequence[str]] = {}
        self._labels: dict[int, Sequence[str]] = {}

    def add(self, uid: int, flags: Iterable[str], labels: Iterable[str] = ()) -> None:
        """Note the flags and labels of one UID."""
        for label in labels:
            self._of(LABEL + label).add(uid)
        for flag in flags:
            if flag.lower() != RECENT:
                self._of(flag).add(uid)

    def replace(self, uid: int, flags: Sequence[str] | None, labels: Sequence[str] | None = None) -> None:
        """Note those of one that may have been told before; None leaves what it had."""
        if flags is not None:
            self._flags[uid] = flags
        if labels is not None:
            self._labels[uid] = labels

    def sets(self) -> dict[str, UidSet]:
        """One set per flag."""
        outdated = UidSet.of(self._flags), UidSet.of(self._labels)
        sets = {name: uids.result() - outdated[name.startswith(LABEL)] for name, uids in self._uids.items()}
        last = Flags()
        for uid in sorted(self._flags.keys() | self._labels.keys()):
            last.add(uid, self._flags.get(uid, ()), self._labels.get(uid, ()))
        for name, uids in last._uids.items():
            sets[name] = sets.get(name, EMPTY) | uids.result()
        return {name: uids for name, uids in sorted(sets.items()) if uids}

    def _of(self, name: str) -> Gathering:
        known = self._uids.get(name)
        if known is None:
            known = self._uids[name] = Gathering()
        return known


def changed(before: Mapping[str, UidSet], after: Mapping[str, UidSet], among: UidSet) -> UidSet:
    """UIDs of ``among`` whose flags differ."""
    pairs = [(before.get(flag, EMPTY), after.get(flag, EMPTY)) for flag in before.keys() | after.keys()]
    differing = (part for old, new in pairs for part in (old - new, new - old))
    return UidSet.from_ranges(span for part in differing for span in part.spans()) & among


def grouped(after: Mapping[str, UidSet], uids: UidSet, *, labelled: bool = False) -> tuple[FlagSet, ...]:
    """The given UIDs in groups that have exactly the same flags now, and labels where the server has any."""
    names, groups = list(after), dict[tuple[int, ...], Gathering]()
    for low, high, having in _stretches(uids, [after[name] for name in names]):
        groups.setdefault(having, Gathering()).add_range(low, high)
    ordered = sorted(groups.items(), key=lambda group: [-index for index in group[0]])
    return tuple(
        _flag_set([names[index] for index in having], members.result(), labelled=labelled)
        for having, members in ordered
    )


def packed(groups: Iterable[FlagSet]) -> Iterator[tuple[FlagSet, ...]]:
    """The groups in order, as many together as have room in one event."""
    taken: list[FlagSet] = []
    room = ROOM
    for group in groups:
        size = len(_JSON.encode(group))
        if taken and size > room:
            yield tuple(taken)
            taken, room = [], ROOM
        taken.append(group)
        room -= size
    if taken:
        yield tuple(taken)


def _stretches(uids: UidSet, sets: Sequence[UidSet]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Runs of ``uids``, low to high, with the places of the sets that hold them; costs what all ranges cost."""
    around = UidSet.range(uids.lowest, uids.highest) if uids else EMPTY
    bounds = [(low, -1) for low, _ in uids.spans()] + [(high + 1, -1) for _, high in uids.spans()]
    for index, members in enumerate(sets):
        for low, high in (members & around).spans():
            bounds += (low, index), (high + 1, index)
    inside: set[int] = set()
    start = 0
    for uid, turning in groupby(sorted(bounds), key=itemgetter(0)):
        if -1 in inside:
            yield start, uid - 1, tuple(sorted(inside - {-1}))
        start = uid
        inside ^= {index for _, index in turning}


def _flag_set(names: Sequence[str], members: UidSet, *, labelled: bool) -> FlagSet:
    flags = tuple(name for name in names if not name.startswith(LABEL))
    labels = tuple(name.removeprefix(LABEL) for name in names if name.startswith(LABEL))
    return FlagSet(members.text(), flags, labels if labelled else None)


def merged(before: Mapping[str, UidSet], after: Mapping[str, UidSet], looked_at: UidSet) -> dict[str, UidSet]:
    """The state after only ``looked_at`` was asked: the others keep what they had."""
    names = before.keys() | after.keys()
    found = {name: (before.get(name, EMPTY) - looked_at) | after.get(name, EMPTY) for name in sorted(names)}
    return {name: uids for name, uids in found.items() if uids}
