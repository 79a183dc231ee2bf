"""Which folders of the server an account wants. Pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Protocol


class Named(Protocol):
    """What is known of a folder when it is chosen."""

    @property
    def name(self) -> str:
        """Decoded name."""
        ...

    @property
    def special_use(self) -> str | None:
        r"""RFC 6154 attribute such as ``\\Sent``."""
        ...

    @property
    def selectable(self) -> bool:
        r"""False for \\Noselect and \\NonExistent."""
        ...


def chosen(folder: Named, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether a folder is wanted: selectable, included (no pattern includes all), not excluded."""
    return folder.selectable and (not include or _any_fits(include, folder)) and not _any_fits(exclude, folder)


def _any_fits(patterns: Sequence[str], folder: Named) -> bool:
    names, others = _sorted_out(tuple(patterns))
    return folder.name in names or any(fits(pattern, folder) for pattern in others)


@lru_cache(maxsize=32)
def _sorted_out(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names of single folders, which may be thousands, and the patterns that have to be tried one by one."""
    others = tuple(filter(_is_wide, patterns))
    return frozenset(pattern.removeprefix("=") for pattern in patterns if not _is_wide(pattern)), others


def _is_wide(pattern: str) -> bool:
    """Whether more than one name may fit."""
    if pattern.startswith("="):
        return False
    return pattern.startswith("\\") or "*" in pattern or "?" in pattern or pattern.upper() == "INBOX"


def fits(pattern: str, folder: Named) -> bool:
    r"""Whether a glob fits the decoded name, or a special use such as ``\\Sent`` is the folder's; INBOX in any case.

    ``*`` and ``?`` are wild; brackets are not, because folders are really called ``[Gmail]/...``. After ``=`` comes a
    whole name, in which nothing is wild.
    """
    if pattern.startswith("="):
        return folder.name == pattern[1:]
    if pattern.startswith("\\"):
        return (folder.special_use or "").lower() == pattern.lower()
    if pattern.upper() == "INBOX":
        return folder.name.upper() == "INBOX"
    return fnmatchcase(folder.name, pattern.replace("[", "[[]"))


def exactly(name: str) -> str:
    """The pattern that fits the folder of this name and no other."""
    return f"={name}" if name.startswith(("=", "\\")) or "*" in name or "?" in name else name


def unmatched(include: Sequence[str], folders: Iterable[Named]) -> list[str]:
    """Patterns that fit no folder: most likely a slip of the pen."""
    known = [folder for folder in folders if folder.selectable]
    names = {folder.name for folder in known}

    def is_matched(pattern: str) -> bool:
        if _is_wide(pattern):
            return any(fits(pattern, folder) for folder in known)
        return pattern.removeprefix("=") in names

    return [pattern for pattern in include if not is_matched(pattern)]
