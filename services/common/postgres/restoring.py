"""Tables that somebody dropped are made anew; what the others hold is kept. For ``mailweir repair``."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, text

from services.common.database import Refused, transaction
from services.common.postgres import fresh_schema, migrations
from services.common.settled import settled_places

_THERE = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
_NAMED = text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
VIEWS = frozenset({"completeness", "incomplete_emails", "held_places", "barred_places"})
_COLUMNS = text(
    "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name = :table AND is_generated = 'NEVER'"
)
_UNKNOWN = text(
    "SELECT string_agg(column_name, ', ') FROM information_schema.columns c "
    "WHERE (table_schema, table_name, is_nullable, is_identity) = (:fresh, :table, 'NO', 'NO') "
    "AND column_default IS NULL AND NOT EXISTS (SELECT FROM information_schema.columns p "
    "WHERE (p.table_schema, p.table_name, p.column_name) = ('public', c.table_name, c.column_name))"
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


def restore(url: str, schema: MetaData, derived: Collection[str], renewed: Collection[str] = ()) -> None:
    """Make all of our ``schema`` anew, in one transaction, with the rows of all tables but the ``derived`` ones.

    Derived tables follow from the object store; half of them would not fit the other half, so they start empty. In the
    others a column that somebody dropped has its default; where it has none, those ``renewed`` start empty, as their
    rows are found again. Tables of other programs in the same schema stay. What hangs on ours does not: rights that
    were granted on them, views of others on them and foreign keys to them have to be made again.

    Raises:
        Unavailable: the database does not answer; nothing was changed.
        Refused: a column that was dropped has no default, in another table; nothing was changed.

    """

    def anew(command: Any, config: Any) -> None:
        connection: Connection = config.attributes["connection"]
        fresh_schema.begin(connection)
        command.upgrade(config, migrations.HEAD)
        _copy(connection, schema, {*derived, settled_places.name}, renewed)
        fresh_schema.take_over(connection)

    migrations.run(url, anew)


def _copy(connection: Connection, schema: MetaData, derived: Collection[str], renewed: Collection[str]) -> None:
    there = _tables(connection)
    for table in schema.sorted_tables:
        if table.name in there and table.name not in derived:
            _keep(connection, table.name, renewed)
    for name, value in connection.execute(_SEQUENCES).all():
        connection.execute(text("SELECT setval(to_regclass(:name), :value)"), {"name": name, "value": value})


def _keep(connection: Connection, table: str, renewed: Collection[str]) -> None:
    """Copy the rows of one table. Names come from the catalogue, quoted by the server."""
    fresh, values = f"{fresh_schema.NAME}.{table}", {"fresh": fresh_schema.NAME, "table": table}
    some = text(f"SELECT EXISTS (SELECT FROM public.{table})")  # noqa: S608
    if (unknown := connection.execute(_UNKNOWN, values).scalar()) and connection.execute(some).scalar():
        if table in renewed:
            return
        raise Refused(
            f"nobody knows what stood in dropped columns of {table} ({unknown}): bring the table back from a backup, "
            "or drop it with all that it holds; nothing was changed"
        )
    columns = connection.execute(_COLUMNS, {"table": table}).scalar()
    connection.execute(text(f"DELETE FROM {fresh}"))  # noqa: S608 -- some migrations put first rows into their tables
    connection.execute(
        text(
            f"INSERT INTO {fresh} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM public.{table}"  # noqa: S608
        )
    )


def _tables(connection: Connection) -> set[str]:
    return set(connection.execute(_THERE).scalars())
