"""Flags and labels of a whole folder as one UID set for each: small to keep, quick to compare. Pure."""

from collections.abc import Iterable, Mapping

from services.common.events import FlagSet
from services.poller.domain.uidset import EMPTY, Gathering, UidSet

LABEL = "X-GM-LABELS "  # before a label among the names of flags, which have no space
RECENT = "\\recent"  # belongs to a session, not to a message (RFC 3501 section 2.3.2)


class Flags:
    """Collects flags while a folder is enumerated."""

    def __init__(self) -> None:
        self._uids: dict[str, Gathering] = {}

    def add(self, uid: int, flags: Iterable[str], labels: Iterable[str] = ()) -> None:
        """Note the flags and labels of one UID."""
        for label in labels:
            self._of(LABEL + label).add(uid)
        for flag in flags:
            if flag.lower() != RECENT:
                self._of(flag).add(uid)

    def sets(self) -> dict[str, UidSet]:
        """One set per flag."""
        return {flag: uids.result() for flag, uids in sorted(self._uids.items())}

    def _of(self, name: str) -> Gathering:
        known = self._uids.get(name)
        if known is None:
            known = self._uids[name] = Gathering()
        return known


def changed(before: Mapping[str, UidSet], after: Mapping[str, UidSet], among: UidSet) -> UidSet:
    """UIDs of ``among`` whose flags differ."""
    different = EMPTY
    for flag in before.keys() | after.keys():
        old, new = before.get(flag, EMPTY), after.get(flag, EMPTY)
        different = different | (old - new) | (new - old)
    return different & among


def grouped(after: Mapping[str, UidSet], uids: UidSet, *, labelled: bool = False) -> tuple[FlagSet, ...]:
    """The given UIDs in groups that have exactly the same flags now, and labels where the server has any."""
    groups: dict[tuple[str, ...], UidSet] = {(): uids}
    for flag, having in after.items():
        split: dict[tuple[str, ...], UidSet] = {}
        for flags, members in groups.items():
            for key, part in ((flags, members - having), ((*flags, flag), members & having)):
                if part:
                    split[key] = split.get(key, EMPTY) | part
        groups = split
    return tuple(_flag_set(names, members, labelled=labelled) for names, members in groups.items() if members)


def _flag_set(names: tuple[str, ...], members: UidSet, *, labelled: bool) -> FlagSet:
    flags = tuple(name for name in names if not name.startswith(LABEL))
    labels = tuple(name.removeprefix(LABEL) for name in names if name.startswith(LABEL))
    return FlagSet(members.text(), flags, labels if labelled else None)


def merged(before: Mapping[str, UidSet], after: Mapping[str, UidSet], looked_at: UidSet) -> dict[str, UidSet]:
    """The state after only ``looked_at`` was asked: the others keep what they had."""
    names = before.keys() | after.keys()
    found = {name: (before.get(name, EMPTY) - looked_at) | after.get(name, EMPTY) for name in sorted(names)}
    return {name: uids for name, uids in found.items() if uids}
