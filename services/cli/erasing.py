"""Erasing an account's mail: not while another process still brings more of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.common.account_fields import Account
from services.common.clock import SystemClock
from services.common.errors import Incomplete
from services.front.context import Context
from services.poller.adapters import PostgresLeases
from services.poller.lease import owner, take
from services.storer.erase import erase_account

_PATIENCE = 10.0  # a poller lets go of a paused account within two seconds
_LOOK = 0.2


def erased(context: Context, account: Account) -> tuple[int, int]:
    """Pause the account and erase its objects and rows; how many of each.

    Embedded, what a sync in another process has in hand would be stored after that, with no account left to erase it
    by. On the stack, what the services have in hand is swept until nothing comes.

    Raises:
        Incomplete: another process goes on with the account; nothing was erased, and it is no longer paused.
        Unavailable: a store does not answer.

    """
    context.accounts.set_state(account.slug, "paused")
    if not context.embedded:
        return erase_account(context, account.slug, on_the_way=True)
    try:
        with _held(context, account.slug):
            return erase_account(context, account.slug)
    except Incomplete as error:
        context.accounts.set_state(account.slug, account.state)
        raise Incomplete(f"{error}; nothing was erased") from error


@contextmanager
def _held(context: Context, slug: str) -> Iterator[None]:
    leases, deadline = PostgresLeases(context.engine), time.monotonic() + _PATIENCE
    while True:
        try:
            take(leases, slug, owner(), SystemClock())
            break
        except Incomplete:
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK)
    try:
        yield
    finally:
        leases.release(slug, owner())
