"""Servers that refuse bodies."""

from tests.fakes.imap_fetch import ranges
from tests.fakes.imap_model import Command, Reply, on


def bodies(edit):
    """A hook on body fetches."""
    return on("UID FETCH", edit, has="BODY.PEEK[]")


def refuses(uid: int, text: bytes):
    """NO to every body fetch that names this UID."""

    def action(command: Command, reply: Reply) -> Reply | None:
        pairs = ranges(command.text.partition(" ")[0], 1 << 32) or []
        return Reply([], text) if any(low <= uid <= high for low, high in pairs) else None

    return action
