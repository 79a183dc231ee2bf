"""Tables that somebody dropped are made anew; what the others hold is kept. For ``mailweir repair``."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Engine, text

from services.common import migrations
from services.common.database import METADATA, transaction
from services.common.settled import settled_places

_THERE = text("SELECT tablename FROM pg_tables WHERE schemaname = :schema")
_COLUMNS = text(
    "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
    "WHERE table_schema = 'kept' AND table_name = :table AND is_generated = 'NEVER'"
)
_SEQUENCES = text(
    "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'kept' AND last_value IS NOT NULL "
    "AND to_regclass('public.' || quote_ident(sequencename)) IS NOT NULL"
)


def missing(engine: Engine) -> list[str]:
    """Names of the tables that should be there and are not, in order."""
    with transaction(engine) as connection:
        return sorted(set(METADATA.tables) - _tables(connection, "public"))


def restore(url: str, derived: Collection[str]) -> None:
    """Make the whole schema anew, in one transaction, with the rows of all tables but the ``derived`` ones.

    Derived tables follow from the object store; half of them would not fit the other half, so they start empty. Rights
    that were granted on tables to other users of the database have to be granted again.

    Raises:
        Unavailable: the database does not answer; nothing was changed.

    """

    def anew(command: Any, config: Any) -> None:
        connection: Connection = config.attributes["connection"]
        connection.execute(text("ALTER SCHEMA public RENAME TO kept"))
        connection.execute(text("CREATE SCHEMA public"))
        command.upgrade(config, migrations.HEAD)
        _copy(connection, {*derived, settled_places.name})
        connection.execute(text("DROP SCHEMA kept CASCADE"))

    migrations.run(url, anew)


def _copy(connection: Connection, derived: Collection[str]) -> None:
    there = _tables(connection, "kept")
    for table in METADATA.sorted_tables:
        if table.name in there and table.name not in derived:
            columns = connection.execute(_COLUMNS, {"table": table.name}).scalar()
            # Names come from the catalogue, quoted by the server; some migrations put first rows into their tables.
            connection.execute(text(f"DELETE FROM public.{table.name}"))  # noqa: S608
            connection.execute(
                text(
                    f"INSERT INTO public.{table.name} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608
                    f"SELECT {columns} FROM kept.{table.name}"
                )
            )
    for name, value in connection.execute(_SEQUENCES).all():
        connection.execute(
            text("SELECT setval(to_regclass(:name), :value)"), {"name": f'public."{name}"', "value": value}
        )


def _tables(connection: Connection, schema: str) -> set[str]:
    return set(connection.execute(_THERE, {"schema": schema}).scalars())
