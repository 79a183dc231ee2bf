"""Tables that somebody dropped are made anew; what the others hold is kept. For ``mailweir repair``."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, text

from services.common.database import transaction
from services.common.postgres import fresh_schema, migrations
from services.common.settled import settled_places

_THERE = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
_NAMED = text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
VIEWS = frozenset({"completeness", "incomplete_emails", "held_places", "barred_places"})
_COLUMNS = text(
    "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name = :table AND is_generated = 'NEVER'"
)
_SEQUENCES = text(
    f"SELECT to_regclass('{fresh_schema.NAME}.' || quote_ident(sequencename))::text, last_value FROM pg_sequences "  # noqa: S608 (a constant of ours)
    "WHERE schemaname = 'public' AND last_value IS NOT NULL "
    f"AND to_regclass('{fresh_schema.NAME}.' || quote_ident(sequencename)) IS NOT NULL"
)


def missing(engine: Engine, schema: MetaData) -> list[str]:
    """Names of the tables of ``schema`` and of our views that are not there, or lack a column, in order."""
    with transaction(engine) as connection:
        there = {(row.table_name, row.column_name) for row in connection.execute(_NAMED)}
    wanted = {(name, column.name) for name, table in schema.tables.items() for column in table.columns}
    return sorted({name for name, _ in wanted - there} | (VIEWS - {name for name, _ in there}))


def restore(url: str, schema: MetaData, derived: Collection[str]) -> None:
    """Make all of our ``schema`` anew, in one transaction, with the rows of all tables but the ``derived`` ones.

    Derived tables follow from the object store; half of them would not fit the other half, so they start empty. In the
    others a column that somebody dropped has its default. Tables of other programs in the same schema stay. What hangs
    on ours does not: rights that were granted on them, views of others on them and foreign keys to them have to be made
    again.

    Raises:
        Unavailable: the database does not answer; nothing was changed.
        Refused: a column that was dropped has no default; nothing was changed.

    """

    def anew(command: Any, config: Any) -> None:
        connection: Connection = config.attributes["connection"]
        fresh_schema.begin(connection)
        command.upgrade(config, migrations.HEAD)
        _copy(connection, schema, {*derived, settled_places.name})
        fresh_schema.take_over(connection)

    migrations.run(url, anew)


def _copy(connection: Connection, schema: MetaData, derived: Collection[str]) -> None:
    there = _tables(connection)
    for table in schema.sorted_tables:
        if table.name in there and table.name not in derived:
            columns = connection.execute(_COLUMNS, {"table": table.name}).scalar()
            # Names come from the catalogue, quoted by the server; some migrations put first rows into their tables.
            fresh = f"{fresh_schema.NAME}.{table.name}"
            connection.execute(text(f"DELETE FROM {fresh}"))  # noqa: S608
            connection.execute(
                text(
                    f"INSERT INTO {fresh} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608
                    f"SELECT {columns} FROM public.{table.name}"
                )
            )
    for name, value in connection.execute(_SEQUENCES).all():
        connection.execute(text("SELECT setval(to_regclass(:name), :value)"), {"name": name, "value": value})


def _tables(connection: Connection) -> set[str]:
    return set(connection.execute(_THERE).scalars())
