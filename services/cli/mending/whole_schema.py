"""The tables of all services as one schema: a repair that did not know a table would lose its rows."""

from sqlalchemy import MetaData

from services.common.accounts.tables import accounts
from services.common.settled import settled_places, unsettled
from services.console import tables as console
from services.poller import tables as poller
from services.storer.tables import emails, place_states

_FOUND_AGAIN = (
    *(poller.folders, poller.folder_ledger, poller.quarantine, poller.leases, poller.traffic, poller.server_habits),
    *(place_states, unsettled, console.sessions, console.signin_failures),
)
RENEWED = frozenset(table.name for table in _FOUND_AGAIN)
"""What the poller finds and tells again, and what people lose no more by than a sign-in."""


def whole_schema() -> MetaData:
    """What each module of tables has entered into, by one table of each; a new module gets its place here."""
    (schema,) = {table.metadata for table in (accounts, settled_places, console.users, poller.folders, emails)}
    return schema
