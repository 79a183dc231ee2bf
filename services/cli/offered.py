"""What Tab offers: names from the database, and words of the program.

Nothing is started, made or changed for it, and no secret is opened. Where no database answers, less is offered.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from services.common.settings import Settings

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
"""From the command so far, what is to be completed, and what is typed of it."""

_MOST = 1000
_SECONDS = 2  # the least that libpq takes
_LOOK_ONLY = "-c default_transaction_read_only=on -c statement_timeout=1000"
_USERS = "SELECT name FROM console_users ORDER BY name"
_LETTERS = "SELECT id::text FROM dead_letters WHERE state = 'open' ORDER BY id"
_FOLDERS = (
    "SELECT DISTINCT f.name FROM folders f WHERE %(account)s::text IS NULL OR f.account = %(account)s OR f.account IN "
    "(SELECT slug FROM accounts WHERE lower(username) = lower(%(account)s)) ORDER BY f.name"
)


def accounts(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of accounts; as far as they are remembered where an embedded database does not run."""
    from services.common.accounts import names

    settings = _settings()
    found = _rows(settings, names.QUERY)
    return _beginning(typed, found if found is not None else _remembered(settings))


def folders(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Decoded names of folders, of one account where the command names one."""
    account = context.params.get("account") or context.params.get("name")
    return _beginning(typed, _rows(_settings(), _FOLDERS, account) or ())


def users(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of users of the console."""
    return _beginning(typed, _rows(_settings(), _USERS) or ())


def letters(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Ids of open dead letters."""
    return _beginning(typed, _rows(_settings(), _LETTERS) or ())


def topics(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of topics."""
    from services.common.topics import MAIN_TOPICS

    return _beginning(typed, [topic.name for topic in MAIN_TOPICS])


def settings(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Settings of an account, to be followed by a value."""
    from services.common.accounts.settings import AccountSettings

    return _beginning(typed, [f"{name}=" for name in AccountSettings.__struct_fields__])


def words(*known: str) -> Offer:
    """Words that are always the same."""
    return lambda _context, _parameter, typed: _beginning(typed, known)


def files(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Files, which the shell itself knows."""
    return [CompletionItem(typed, type="file")]


def _beginning(typed: str, names: Sequence[str]) -> list[CompletionItem]:
    """Names of strangers among them: one that would move the cursor of a terminal is not offered."""
    fitting = [name for name in names if name.startswith(typed) and name.isprintable()]
    return [CompletionItem(name) for name in fitting[:_MOST]]


def _settings() -> "Settings | None":
    from services.common.errors import ConfigurationError
    from services.common.settings import load

    with suppress(ConfigurationError):
        return load()
    return None


def _rows(settings: "Settings | None", query: str, account: str | None = None) -> list[str] | None:
    """The only column of what the database answers; None where it does not."""
    import psycopg2

    url = _address(settings) if settings else None
    with suppress(psycopg2.Error, OSError):
        if url:
            with closing(psycopg2.connect(url, connect_timeout=_SECONDS, options=_LOOK_ONLY)) as connection:
                cursor = connection.cursor()
                cursor.execute(query, {"account": account})
                return [name for (name,) in cursor]
    return None


def _address(settings: "Settings") -> str | None:
    from services.common.postgres import embedded_postgres

    if settings.database_url is None:
        return embedded_postgres.running(settings.home_path)
    return re.sub(r"^\w+(?:\+\w+)?://", "postgresql://", settings.database_url.reveal())


def _remembered(settings: "Settings | None") -> list[str]:
    """Accounts that an embedded home had when a command ended there, and those that have mail in its folder."""
    if settings is None or settings.database_url is not None:
        return []
    from services.common.accounts import names

    found: set[str] = set()
    with suppress(OSError, UnicodeError):
        found |= set(names.remembered(settings.home_path))
    with suppress(OSError):
        if settings.s3_endpoint is None:
            found |= set(_accounts_in(settings.home_path / "objects" / settings.s3_bucket))
    return sorted(found)


def _accounts_in(bucket: Path) -> Iterator[str]:
    from services.common.accounts.fields import SLUG

    return (folder.name for folder in bucket.iterdir() if re.fullmatch(SLUG, folder.name))
