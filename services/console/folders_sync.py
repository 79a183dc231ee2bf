"""The folder list of an account, from its server to our tables: what is new, renamed, or no longer there."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text

from services.common.accounts.fields import Account
from services.common.accounts.providers import profile
from services.common.database import transaction
from services.common.errors import Incomplete, MailweirError
from services.common.events import AccessAudited, Event
from services.common.runtime.embedded import Embedded
from services.common.settings import read
from services.console import testing
from services.console.adapters import Ports
from services.console.memory import mailbox_of
from services.poller.adapters import PostgresLedger
from services.poller.doctor.model import Visit
from services.poller.doctor.visit import signed_in
from services.poller.domain.choose import chosen
from services.poller.domain.state import FolderRecord
from services.poller.folders import catalog
from services.poller.imap.model import Folder
from services.poller.imap.names import address
from services.poller.imap.session import Session
from services.poller.tasks.lease import leased
from services.poller.tasks.lease_rows import PostgresLeases
from services.poller.work import Work
from services.storer import app as storer
from services.storer.adapters import PostgresWriter
from services.storer.settings import StorerSettings

POLLER_SECONDS = 8.0
_ODD = re.compile(r"[\x00-\x1f\x7f]")
_LOOK_EVERY = 0.25
_LISTED = text(
    "SELECT count(*) FROM audit_log WHERE account_id = :account AND action = 'list' AND service = 'poller' AND at > :at"
)


class FolderLine(Struct, frozen=True, kw_only=True):
    """One folder for a page or a program. ``state``: of our record, ``new`` for none."""

    name: str
    special_use: str | None
    selectable: bool
    chosen: bool
    state: str

    @property
    def choosable(self) -> bool:
        """Whether a pattern can name it: without control characters."""
        return self.selectable and _ODD.search(self.name) is None


class Changes(Struct, frozen=True, kw_only=True):
    """What became of our folders. ``absent``: not listed this time; ``gone``: not listed again, so believed."""

    created: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class LeftToPoller(MailweirError):
    """On the stack a rename has other readers than our tables, so the poller says it."""


async def synchronise(ports: Ports, account: Account) -> Changes:
    """List the server's folders and follow them; ``ports.memory.listings`` then holds all, chosen or not.

    A poller that works on the account is asked to do it, so that two never write the same ledger.

    Raises:
        Forbidden, ImapError, TokenError: the server was not listed.
        ConfigurationError: a chosen folder is no longer there.

    """
    ledger = PostgresLedger(ports.engine)
    before = await asyncio.to_thread(ledger.folders, account.slug)
    addresses = await testing.permitted(ports, account)
    credentials = testing.stored_secret(ports, account)
    visit = Visit(account, profile(account.provider), credentials, ports.clock, addresses)
    asked_at = ports.clock.now()
    async with signed_in(visit) as session:
        ports.memory.listings[mailbox_of(account)] = await session.list_folders()
        followed = await _follow(ports, account, session)
    if not followed:
        await _ask_poller(ports, account, asked_at)
    return compared(before, await asyncio.to_thread(ledger.folders, account.slug))


def lines(account: Account, listing: Sequence[Folder], known: Sequence[FolderRecord]) -> list[FolderLine]:
    """Folders of the server, then those of ours that it no longer lists; without a listing only ours. Pure."""
    states = {address(record.wire): record.state for record in known}
    listed = [_line(account, folder, states.get(address(folder.wire), "new")) for folder in listing]
    seen = {address(folder.wire) for folder in listing}
    ours = [record for record in known if address(record.wire) not in seen]
    return listed + [
        FolderLine(name=each.name, special_use=each.special_use, selectable=True, chosen=not listing, state=each.state)
        for each in ours
    ]


def compared(before: Sequence[FolderRecord], after: Sequence[FolderRecord]) -> Changes:
    """What happened between two looks at our folders. Pure."""
    old: Mapping[str, FolderRecord] = {record.id: record for record in before}
    new = {record.id: record for record in after}
    both = [(old[key], new[key]) for key in new if key in old]
    return Changes(
        created=tuple(new[key].name for key in new if key not in old),
        renamed=tuple((was.name, now.name) for was, now in both if was.name != now.name),
        absent=tuple(now.name for _, now in both if now.state == "absent"),
        gone=tuple(old[key].name for key in old if key not in new),
    )


def _line(account: Account, folder: Folder, state: str) -> FolderLine:
    settings = account.settings
    taken = chosen(folder, settings.include, settings.exclude)
    return FolderLine(
        name=folder.name, special_use=folder.special_use, selectable=folder.selectable, chosen=taken, state=state
    )


async def _follow(ports: Ports, account: Account, session: Session) -> bool:
    """Whether the folders were followed here; false when that is a poller's to do."""
    leases, ledger = PostgresLeases(ports.engine), PostgresLedger(ports.engine)
    if await asyncio.to_thread(leases.holder, account.slug) is not None:
        return False
    try:
        async with leased(leases, ledger, account.slug, ports.clock) as fenced:
            work = Work(account, _Tables(ports), fenced, ports.store, ports.clock, lambda: 0.0)
            await catalog.refresh(work, session)
    except (Incomplete, LeftToPoller):
        return False
    return True


async def _ask_poller(ports: Ports, account: Account, asked_at: datetime) -> None:
    """Let the poller look now, and wait a moment for it; it goes on without us."""
    await asyncio.to_thread(ports.accounts.look_now, account.slug)
    end = ports.clock.monotonic() + POLLER_SECONDS
    while ports.clock.monotonic() < end and not await asyncio.to_thread(_listed, ports, account.slug, asked_at):
        await ports.clock.sleep(_LOOK_EVERY)


def _listed(ports: Ports, account: str, since: datetime) -> bool:
    with transaction(ports.engine) as connection:
        return bool(connection.execute(_LISTED, {"account": account, "at": since}).scalar())


@dataclass(frozen=True, slots=True)
class _Tables:
    """A ``Publisher`` straight into our tables: no broker is needed, and nothing is said that others must hear."""

    ports: Ports

    async def publish(self, events: Sequence[Event]) -> None:
        if self.ports.on_stack and not all(isinstance(event, AccessAudited) for event in events):
            raise LeftToPoller("a folder was renamed or is gone")
        writer = storer.Ports(PostgresWriter(self.ports.engine))
        await Embedded([storer.service(read(StorerSettings), writer)]).publish(events)
