"""Flags of a whole folder as one UID set per flag: small to keep, quick to compare. Pure."""

from collections.abc import Iterable, Mapping

from services.common.events import FlagSet
from services.poller.domain.uidset import EMPTY, UidSet

RECENT = "\\recent"  # belongs to a session, not to a message (RFC 3501 section 2.3.2)


class Flags:
    """Collects flags while a folder is enumerated."""

    def __init__(self) -> None:
        self._uids: dict[str, list[int]] = {}

    def add(self, uid: int, flags: Iterable[str]) -> None:
        """Note the flags of one UID."""
        for flag in flags:
            if flag.lower() != RECENT:
                self._uids.setdefault(flag, []).append(uid)

    def sets(self) -> dict[str, UidSet]:
        """One set per flag."""
        return {flag: UidSet.of(uids) for flag, uids in sorted(self._uids.items())}


def changed(before: Mapping[str, UidSet], after: Mapping[str, UidSet], among: UidSet) -> UidSet:
    """UIDs of ``among`` whose flags differ."""
    different = EMPTY
    for flag in before.keys() | after.keys():
        old, new = before.get(flag, EMPTY), after.get(flag, EMPTY)
        different = different | (old - new) | (new - old)
    return different & among


def grouped(after: Mapping[str, UidSet], uids: UidSet) -> tuple[FlagSet, ...]:
    """The given UIDs in groups that have exactly the same flags now."""
    groups: dict[tuple[str, ...], UidSet] = {(): uids}
    for flag, having in after.items():
        split: dict[tuple[str, ...], UidSet] = {}
        for flags, members in groups.items():
            for key, part in ((flags, members - having), ((*flags, flag), members & having)):
                if part:
                    split[key] = split.get(key, EMPTY) | part
        groups = split
    return tuple(FlagSet(members.text(), flags) for flags, members in groups.items() if members)


def merged(before: Mapping[str, UidSet], after: Mapping[str, UidSet], looked_at: UidSet) -> dict[str, UidSet]:
    """The state after only ``looked_at`` was asked: the others keep what they had."""
    names = before.keys() | after.keys()
    found = {name: (before.get(name, EMPTY) - looked_at) | after.get(name, EMPTY) for name in sorted(names)}
    return {name: uids for name, uids in found.items() if uids}
