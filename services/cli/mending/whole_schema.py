"""The tables of all services as one schema: a repair that did not know a table would lose its rows."""

from sqlalchemy import MetaData

from services.common.accounts.tables import accounts
from services.common.settled import settled_places
from services.console.tables import users
from services.poller.tables import folders
from services.storer.tables import emails


def whole_schema() -> MetaData:
    """What each module of tables has entered into, by one table of each; a new module gets its place here."""
    (schema,) = {table.metadata for table in (accounts, settled_places, users, folders, emails)}
    return schema
