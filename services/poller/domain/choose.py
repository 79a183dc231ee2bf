"""Which folders of the server an account wants. Pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
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
    included = not include or any(fits(pattern, folder) for pattern in include)
    return folder.selectable and included and not any(fits(pattern, folder) for pattern in exclude)


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
    return [pattern for pattern in include if not any(fits(pattern, folder) for folder in known)]
