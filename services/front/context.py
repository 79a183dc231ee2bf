"""What a command works on: settings, database, objects; embedded or the stack, by the environment alone."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from services.common.accounts import names
from services.common.accounts.store import AccountStore, open_accounts
from services.common.database import engine_for
from services.common.errors import ConfigurationError
from services.common.objects import ObjectStore
from services.common.postgres import embedded_postgres, migrations
from services.common.settings import Settings, load
from services.common.stores.choice import open_store


@dataclass(frozen=True)
class Context:
    """Opened stores of one command. ``embedded`` is true without MAILWEIR_KAFKA."""

    settings: Settings
    database_url: str
    engine: Engine

    @property
    def home(self) -> Path:
        """MAILWEIR_HOME."""
        return self.settings.home_path

    @property
    def embedded(self) -> bool:
        """Whether there is no Kafka: everything happens in this process."""
        return self.settings.kafka is None

    @cached_property
    def accounts(self) -> AccountStore:
        """Accounts and their secrets."""
        return open_accounts(self.engine, self.home)

    @cached_property
    def store(self) -> ObjectStore:
        """The object store."""
        return open_store(self.settings)


def _embedded(home: Path) -> str:
    try:
        return embedded_postgres.ensure(home)
    except OSError as error:
        reason = f"the folder {home} cannot be used ({error.strerror}); name another one by MAILWEIR_HOME"
        raise ConfigurationError(reason) from error


@contextmanager
def open_context(settings: Settings | None = None) -> Iterator[Context]:
    """Open the stores that the environment names, with the schema brought up to date.

    Raises:
        ConfigurationError: the environment is wrong.
        Unavailable: the database does not answer.
    """
    settings = settings or load()
    url = settings.database_url.reveal() if settings.database_url else _embedded(settings.home_path)
    migrations.upgrade(url)
    engine = engine_for(url)
    if settings.database_url is None:
        event.listen(engine, "do_connect", partial(_start_again, settings.home_path))
    context = Context(settings, url, engine)
    try:
        yield context
        if settings.database_url is None:
            _note_names(context)
    finally:
        engine.dispose()


def _note_names(context: Context) -> None:
    """For Tab, which starts no database."""
    with suppress(SQLAlchemyError, OSError, UnicodeError):
        with context.engine.connect() as connection:
            found = connection.execute(text(names.QUERY)).scalars().all()
        names.note(context.home, found)


def _start_again(home: Path, *_connecting: object) -> None:
    """A command that stays, such as ``sync --watch``, may outlive the embedded Postgres; nobody else would start it."""
    embedded_postgres.ensure(home)
