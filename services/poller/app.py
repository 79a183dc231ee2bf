"""Wiring of the poller: accounts and ledger in Postgres, messages to the object store and to Kafka.

Entry points, all in ``tasks``: ``supervise`` (all accounts, for ever), ``watch`` (one account, for ever), ``sync_once``
(one account, until nothing is missing). All run ``folder_pass.run`` on each folder of a signed-in session:

    connect ──▶ folders/catalog ──▶ passes/folder_pass ──▶ enumerate ──▶ fetching/bodies ──▶ handlers ──▶ ledger
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from services.common.accounts.store import AccountStore, open_accounts
from services.common.clock import SystemClock
from services.common.database import engine_for
from services.common.health import Health
from services.common.postgres.migrations import check
from services.common.runtime.kafka.producer import KafkaPublisher
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.starting import is_there
from services.common.settings import Database, Settings, read
from services.common.stores.choice import open_store
from services.poller.adapters import PostgresContents, PostgresLedger
from services.poller.operator_log import LoggedPublisher
from services.poller.settings import PollerSettings
from services.poller.tasks.lease_rows import PostgresLeases
from services.poller.tasks.supervisor import Ports, supervising

log = logging.getLogger(__name__)


async def run(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """Retrieve for all accounts until ``stop`` is set; a database that is away or too old is waited for."""
    own = read(PollerSettings)
    async with _ports(settings, own, health) as ports:
        look = partial(asyncio.to_thread, _look, ports.accounts, own.only)
        if not await is_there("start", look, read(KafkaSettings), health, stop):
            return
        async with supervising(ports, own.only) as supervisor:
            supervisor.add_done_callback(lambda _: stop.set())
            await stop.wait()
            if supervisor.done():
                supervisor.result()


def _look(accounts: AccountStore, only: frozenset[str]) -> None:
    """Raises Unavailable for what can be waited for, ConfigurationError for what a person has to change."""
    check(read(Database).database_url.reveal())
    accounts.check_start()
    _tell_unknown(accounts, only)


def _tell_unknown(accounts: AccountStore, only: frozenset[str]) -> None:
    """A slip in a name would be a poller that does nothing; the account may also be added later."""
    for name in sorted(only - {account.slug for account in accounts.list()}):
        log.warning("MAILWEIR_POLLER_ACCOUNTS: there is no account %s yet; mailweir accounts list shows them", name)


@asynccontextmanager
async def _ports(settings: Settings, own: PollerSettings, health: Health) -> AsyncIterator[Ports]:
    engine = engine_for(read(Database).database_url.reveal(), pool_size=8)
    publisher = KafkaPublisher(read(KafkaSettings), "poller")
    try:
        yield Ports(
            accounts=open_accounts(engine, settings.home_path),
            publisher=LoggedPublisher(publisher),
            ledger=PostgresLedger(engine),
            leases=PostgresLeases(engine),
            store=open_store(settings),
            clock=SystemClock(),
            spool=own.spool,
            contents=PostgresContents(engine),
            health=health,
        )
    finally:
        await publisher.stop()
        engine.dispose()
