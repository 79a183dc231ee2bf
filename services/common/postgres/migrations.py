"""Alembic migrations as functions. ``upgrade`` costs one short query when there is nothing to do."""

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text

from services.common.database import engine_for, fault_named
from services.common.errors import ConfigurationError, Unavailable
from services.common.postgres import fresh_schema

HEAD = "0018_held"
_LEFT = text(
    """SELECT to_regclass('alembic_version') IS NULL AND (
EXISTS (SELECT FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE (classid, objid, deptype) = ('pg_class'::regclass, c.oid, 'e')))
OR EXISTS (SELECT FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE (classid, objid, deptype) = ('pg_proc'::regclass, p.oid, 'e'))))"""
)


def current(url: str) -> str | None:
    """The revision that the database is at, None for an empty one.

    Raises ``Unavailable``, and ``ConfigurationError`` for a database that cannot hold every text.
    """
    engine = engine_for(url, pool_size=1)
    try:
        with fault_named(), engine.connect() as connection:
            _check_encoding(connection)
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return found
    finally:
        engine.dispose()


def _check_encoding(connection: Connection) -> None:
    """In another encoding most mail would be refused, message by message."""
    encoding = connection.connection.driver_connection.info.parameter_status("server_encoding")  # type: ignore[union-attr]
    if encoding != "UTF8":
        advice = "CREATE DATABASE mailweir ENCODING 'UTF8' TEMPLATE template0"
        raise ConfigurationError(f"the database is in {encoding}, and mail is in every script; make another: {advice}")


def check(url: str) -> None:
    """See that the schema is the one that this program knows, for a service, which does not change it.

    Raises:
        ConfigurationError: the schema is newer.
        Unavailable: it is older, or the database does not answer.

    """
    found = current(url)
    if found is None or found < HEAD:
        raise Unavailable(f"the database is at {found or 'no revision'}, and {HEAD} is needed: run `mailweir migrate`")
    _refuse_newer(found)


def _refuse_newer(found: str) -> None:
    if found > HEAD:
        raise ConfigurationError(
            f"the database is at {found}, and this Mailweir knows it up to {HEAD}: use the newer Mailweir that wrote it"
        )


def upgrade(url: str, revision: str = HEAD) -> bool:
    """Bring the schema to ``revision``; True when something was done. Safe to run from several processes at once.

    Raises:
        ConfigurationError: the schema is newer than this program.
        Unavailable: the database does not answer.

    """
    found = current(url)
    if found == revision:
        return False
    _refuse_newer(found or "")
    run(url, partial(_upgrade, revision=revision))
    return True


def _upgrade(command: Any, config: Any, revision: str) -> None:
    """In place; where nothing tells a revision and something is there, beside that: some of ours may have been left."""
    connection: Connection = config.attributes["connection"]
    if not connection.scalar(_LEFT):
        command.upgrade(config, revision)
        return
    fresh_schema.begin(connection)
    command.upgrade(config, revision)
    if known := fresh_schema.twice(connection):
        raise ConfigurationError(
            f"the database has {', '.join(known)}, and no table alembic_version that tells their revision: put that "
            "back, or name another database"
        )
    fresh_schema.take_over(connection)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to ``revision`` (``base`` for an empty database). Data of removed tables is gone."""
    run(url, lambda command, config: command.downgrade(config, revision))


def run(url: str, action: Callable[[Any, Any], None]) -> None:
    """``action(alembic.command, config)`` in one transaction, on ``config.attributes["connection"]``; one at a time."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("infra.postgres") / "migrations"))
    engine = create_engine(engine_for(url).url)
    try:
        with fault_named(), engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(7412026)"))
            config.attributes["connection"] = connection
            action(command, config)
    finally:
        engine.dispose()
