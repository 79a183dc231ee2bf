"""What is only on its way is not lost: it gets the time to arrive before a repair says what does not fit."""

import asyncio
import time
from collections.abc import Callable, Iterable

import click

from services.cli.mending.damage import Damage
from services.common.errors import Unavailable
from services.common.settings import read
from services.front.context import Context
from services.poller.tasks.lease import is_dead
from services.poller.tasks.lease_rows import PostgresLeases

_PATIENCE = 60.0  # seconds
_OF_A_GROUP = 20.0  # what a sync has in hand is stored within a few
_LOOK = 0.5
_AGAIN = "looking again when what is on its way has arrived"


def arrived(
    context: Context, accounts: Iterable[str], damage: Damage, look_again: Callable[[Damage], Damage]
) -> tuple[Damage, str]:
    """The damage without what has arrived meanwhile; and why some of it may still be on its way, else an empty text.

    On the stack the services have read then what was in their topics. Embedded, who syncs one of the accounts has
    stored what it had in hand.
    """
    if context.embedded:
        return _synced(PostgresLeases(context.engine), list(accounts), damage, look_again)
    from services.common.runtime.kafka.catching_up import catch_up
    from services.common.runtime.kafka.settings import KafkaSettings

    late = ""
    if damage.any:
        click.echo(_AGAIN, err=True)
    try:
        asyncio.run(catch_up(read(KafkaSettings), _PATIENCE))
    except Unavailable as error:
        late = str(error)
    return look_again(damage), late


def _synced(
    leases: PostgresLeases, accounts: list[str], damage: Damage, look_again: Callable[[Damage], Damage]
) -> tuple[Damage, str]:
    deadline = 0.0
    while damage.any and (busy := next((each for each in accounts if _is_synced(leases, each)), None)):
        if not deadline:
            click.echo(_AGAIN, err=True)
            deadline = time.monotonic() + _OF_A_GROUP
        if time.monotonic() > deadline:
            return damage, f"account {busy} is being synced; look again when that has ended"
        time.sleep(_LOOK)
        damage = look_again(damage)
    return damage, ""


def _is_synced(leases: PostgresLeases, account: str) -> bool:
    holder = leases.holder(account)
    return holder is not None and not is_dead(holder)
