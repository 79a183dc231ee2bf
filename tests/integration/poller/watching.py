"""An account on a scripted server that is watched for ever."""

import contextlib
from collections.abc import AsyncIterator

from services.common.accounts.fields import Account
from services.common.accounts.store import open_accounts
from services.common.clock import SystemClock
from services.common.secret import Secret
from services.common.stores.folder import FolderStore
from services.poller.adapters import PostgresLedger
from services.poller.ports import Contents
from services.poller.tasks.lease_rows import PostgresLeases
from services.poller.tasks.supervisor import Ports, supervising
from tests.fakes.imap_model import PASSWORD
from tests.integration.poller.conftest import QUICK, Play

IDLE = ("IMAP4rev1", "IDLE")


@contextlib.asynccontextmanager
async def watched(
    p: Play, *, secret: str = PASSWORD, contents: Contents | None = None, **settings: object
) -> AsyncIterator[Ports]:
    """The account of a play, retrieved as the poller does, until the block ends."""
    accounts = open_accounts(p.engine, p.folder / "home", {})
    given = {**QUICK, **p.settings, **settings}
    account = Account(
        slug=p.slug,
        host="localhost",
        port=p.server.port,
        user="user@example.com",
        ca_file=str(p.server.ca_file),
        given=given,
    )
    accounts.add(account, ("password", Secret(secret)))
    ledger, leases = PostgresLedger(p.engine), PostgresLeases(p.engine)
    store = FolderStore(p.folder)
    ports = Ports(accounts, p.recorder, ledger, leases, store, SystemClock(), contents=contents)
    try:
        async with supervising(ports, frozenset([p.slug])):
            yield ports
    finally:
        if accounts.find(p.slug):
            accounts.remove(p.slug)
