"""Turns at a server that takes fewer connections than there are accounts on it, such as one for each address.

Noticed when it refuses an account while others of this process are connected; forgotten after a day.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from services.common.accounts.fields import Account
from services.poller.imap.errors import Throttled

DAY = 86_400.0
GRACE = 60.0  # servers take a while to notice that a connection is closed


class TurnOver(Throttled):
    """Another account waits for the connection, and this one had it for long enough."""

    def __init__(self) -> None:
        super().__init__("other accounts of this server have their turn", wait=0.0, usable=True)


@dataclass(slots=True)
class Room:
    """One server. ``inside``: since when (monotonic), by account. ``most``: how many it takes, None: not known.

    ``waiting``: accounts in their order. ``alone``: when accounts were refused that nobody else kept out. ``closed``:
    when a connection that served its turn was closed last.
    """

    inside: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    most: int | None = None
    noticed: float = 0.0
    closed: float = float("-inf")
    alone: dict[str, float] = field(default_factory=dict)

    def call(self, now: float) -> None:
        """Let in who waits, first come first served, while there is room."""
        for slug, turn in list(self.waiting.items()):
            if self.most is not None and len(self.inside) >= self.most:
                return
            del self.waiting[slug]
            if not turn.cancelled():
                self.inside[slug] = now
                turn.set_result(None)


@dataclass(slots=True)
class Turns:
    """Which accounts of this process are connected to which server, and which wait. ``now``: monotonic seconds."""

    rooms: defaultdict[tuple[str, int], Room] = field(default_factory=lambda: defaultdict(Room))

    def _room(self, account: Account) -> Room:
        return self.rooms[account.host, account.port]

    async def enter(self, account: Account, now: float) -> None:
        """Wait for a turn, where the server is known to want that."""
        room, slug = self._room(account), account.slug
        if slug in room.inside:
            return
        if now - room.noticed > DAY:
            room.most = None
        turn = room.waiting[slug] = asyncio.get_running_loop().create_future()
        room.call(now)
        try:
            await turn
        except asyncio.CancelledError:
            room.waiting.pop(slug, None)
            self.leave(account, now)
            raise

    def leave(self, account: Account, now: float, *, served: bool = False) -> None:
        """The connection is closed, or did not come about; ``served``: it had its turn. Who waits is let in."""
        room = self._room(account)
        room.inside.pop(account.slug, None)
        room.closed = now if served else room.closed
        room.call(now)

    def refused(self, account: Account, now: float) -> bool:
        """The server has too many connections: whether this account's turn comes when another one leaves.

        Where nobody else of this process is connected they are other programs', or the account's own, for a day.
        """
        room, slug = self._room(account), account.slug
        others = len(room.inside.keys() - {slug})
        if not others and now - room.closed < GRACE:
            return True
        if not others:
            room.alone[slug], room.most = now, None
            room.call(now)
        if now - room.alone.get(slug, -DAY) < DAY:
            return False
        room.most, room.noticed = others, now
        return True

    def over(self, account: Account, now: float) -> bool:
        """Whether somebody waits, and this account had its turn: as long as it is from one poll to the next."""
        room, settings = self._room(account), account.settings
        lasted = now - room.inside.get(account.slug, now)
        return bool(room.waiting) and lasted >= max(settings.poll_interval, settings.login_min_interval)
