"""Erasing an account's mail: not while anybody still brings more of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Engine

from services.common.accounts import AccountStore
from services.common.errors import Incomplete
from services.common.objects import ObjectStore
from services.poller.adapters import PostgresLeases
from services.poller.lease import owner, take
from services.storer.erase import erase_account

_PATIENCE = 10.0  # a poller lets go of a paused account within two seconds
_LOOK = 0.2
_PURPOSE = "erasing"  # the console retrieves in the same process, and a lease is shared by those of one name


class Stores(Protocol):
    """What an account is in."""

    @property
    def accounts(self) -> AccountStore:
        """Accounts."""

    @property
    def engine(self) -> Engine:
        """Rows."""

    @property
    def store(self) -> ObjectStore:
        """Objects."""


def erased(stores: Stores, slug: str, *, embedded: bool) -> tuple[int, int]:
    """Pause the account and erase its objects and rows; how many of each.

    Embedded, what a sync has in hand, in this or another process, would be stored after that, with no account left to
    erase it by. On the stack, what the services have in hand is swept until nothing comes.

    Raises:
        Incomplete: a sync goes on with the account; nothing was erased.
        Unavailable: a store does not answer.

    """
    stores.accounts.set_state(slug, "paused")
    if not embedded:
        return erase_account(stores, slug, on_the_way=True)
    with _held(PostgresLeases(stores.engine), slug):
        return erase_account(stores, slug)


@contextmanager
def _held(leases: PostgresLeases, slug: str) -> Iterator[None]:
    me, deadline = owner(_PURPOSE), time.monotonic() + _PATIENCE
    while True:
        try:
            take(leases, slug, me)
            break
        except Incomplete as error:
            if time.monotonic() > deadline:
                raise Incomplete(f"{error}; nothing was erased") from error
        time.sleep(_LOOK)
    try:
        yield
    finally:
        leases.release(slug, me)
