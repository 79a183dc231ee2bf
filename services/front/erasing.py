"""Erasing an account and its mail: not while anybody still brings more of it."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from services.common.accounts.store import AccountStore
from services.common.errors import Incomplete
from services.common.settings import read
from services.front.resending import not_resent
from services.poller.imap.spooling import remove_left
from services.poller.settings import PollerSettings
from services.poller.tasks.lease import ERASING, SECONDS, kept, owner, take
from services.poller.tasks.lease_rows import PostgresLeases, forget
from services.storer.erase import Stores as Mail
from services.storer.erase import erase_account

_PATIENCE = 10.0  # a poller lets go of a paused account within two seconds
_PATIENCE_ON_STACK = SECONDS + _PATIENCE  # one that was killed in another container holds it until its lease ends
_LOOK = 0.2


class Stores(Mail, Protocol):
    """What an account is in."""

    @property
    def accounts(self) -> AccountStore:
        """Accounts."""


class InUse(Incomplete):
    """Somebody brings mail of the account; nothing was erased."""


def erased(
    stores: Stores, slug: str, *, embedded: bool, then: Callable[[Connection], None] = lambda _: None
) -> tuple[int, int]:
    """Pause the account, erase its objects and rows, and forget it; how many of each. It may be removed already.

    What a sync has in hand, or a command sends once more, would be stored after that, with no account left to erase it
    by. Embedded, large messages go, too, that a killed sync left in the spool; on the stack, what the services have in
    hand is swept until nothing comes. ``then`` writes in the transaction in which an account goes that is there.

    Raises:
        InUse: somebody goes on with the account; nothing was erased.
        LeaseLost: a sync took the account meanwhile. The account stays; what is left is erased by the next try.
        ConfigurationError, Unavailable: a store refuses or does not answer; as before.

    """
    spool = read(PollerSettings).spool if embedded else None
    is_there = any(account.slug == slug for account in stores.accounts.list())
    if is_there:
        stores.accounts.set_state(slug, "paused")
    leases = PostgresLeases(stores.engine)
    with ExitStack() as held:
        still_ours = _hold(held, stores, leases, slug, _PATIENCE if embedded else _PATIENCE_ON_STACK)
        remove_left(spool)
        done = erase_account(stores, slug, on_the_way=not embedded)
        still_ours()
        if is_there:
            stores.accounts.remove(slug, partial(_end, slug, then))
        else:
            leases.forget(slug)
    return done


def _end(slug: str, then: Callable[[Connection], None], connection: Connection) -> None:
    forget(connection, slug)
    then(connection)


def _hold(held: ExitStack, stores: Stores, leases: PostgresLeases, slug: str, patience: float) -> Callable[[], None]:
    """Keep everybody else away; what it returns raises LeaseLost when that was in vain."""
    me, deadline = owner(ERASING), time.monotonic() + patience
    while True:
        try:
            token = take(leases, slug, me)
            still_ours = held.enter_context(kept(leases, slug, me, token))
            held.enter_context(not_resent(stores.engine, slug))
            return still_ours
        except Incomplete as error:
            held.close()
            if time.monotonic() > deadline:
                raise InUse(f"{error}; nothing was erased") from error
        time.sleep(_LOOK)
