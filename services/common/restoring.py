"""Tables that somebody dropped are made anew; what the others hold is kept. For ``mailweir repair``."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Engine, text

from services.common import migrations
from services.common.database import METADATA, transaction
from services.common.settled import settled_places

_THERE = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
_COLUMNS = text(
    "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
    "WHERE table_schema = 'public' AND table_name = :table AND is_generated = 'NEVER'"
)
_SEQUENCES = text(
    "SELECT to_regclass('mailweir_new.' || quote_ident(sequencename))::text, last_value FROM pg_sequences "
    "WHERE schemaname = 'public' AND last_value IS NOT NULL "
    "AND to_regclass('mailweir_new.' || quote_ident(sequencename)) IS NOT NULL"
)
# All that a fresh schema holds by itself, with the word for its kind: sequences of columns go with their tables.
_MADE = text(
    """SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, quote_ident(relname)
FROM pg_class c WHERE relnamespace = 'mailweir_new'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i')
                AND refclassid = 'pg_class'::regclass)
UNION ALL SELECT 'ROUTINE', format('%I(%s)', proname, pg_get_function_identity_arguments(oid))
FROM pg_proc WHERE pronamespace = 'mailweir_new'::regnamespace"""
)


def missing(engine: Engine) -> list[str]:
    """Names of the tables that should be there and are not, in order."""
    with transaction(engine) as connection:
        return sorted(set(METADATA.tables) - _tables(connection))


def restore(url: str, derived: Collection[str]) -> None:
    """Make all of our schema anew, in one transaction, with the rows of all tables but the ``derived`` ones.

    Derived tables follow from the object store; half of them would not fit the other half, so they start empty. Tables
    of other programs in the same schema stay. What hangs on ours does not: rights that were granted on them, views of
    others on them and foreign keys to them have to be made again.

    Raises:
        Unavailable: the database does not answer; nothing was changed.

    """

    def anew(command: Any, config: Any) -> None:
        connection: Connection = config.attributes["connection"]
        connection.execute(text("CREATE SCHEMA mailweir_new"))
        connection.execute(text("SET LOCAL search_path TO mailweir_new"))
        command.upgrade(config, migrations.HEAD)
        _copy(connection, {*derived, settled_places.name})
        _change_places(connection)

    migrations.run(url, anew)


def _copy(connection: Connection, derived: Collection[str]) -> None:
    there = _tables(connection)
    for table in METADATA.sorted_tables:
        if table.name in there and table.name not in derived:
            columns = connection.execute(_COLUMNS, {"table": table.name}).scalar()
            # Names come from the catalogue, quoted by the server; some migrations put first rows into their tables.
            connection.execute(text(f"DELETE FROM mailweir_new.{table.name}"))  # noqa: S608
            connection.execute(
                text(
                    f"INSERT INTO mailweir_new.{table.name} ({columns}) OVERRIDING SYSTEM VALUE "  # noqa: S608
                    f"SELECT {columns} FROM public.{table.name}"
                )
            )
    for name, value in connection.execute(_SEQUENCES).all():
        connection.execute(text("SELECT setval(to_regclass(:name), :value)"), {"name": name, "value": value})


def _change_places(connection: Connection) -> None:
    """What was made takes the place of what there is under the same name."""
    made = connection.execute(_MADE).all()
    for kind, name in made:
        connection.execute(text(f"DROP {kind} IF EXISTS public.{name} CASCADE"))
    for kind, name in made:
        connection.execute(text(f"ALTER {kind} mailweir_new.{name} SET SCHEMA public"))
    connection.execute(text("DROP SCHEMA mailweir_new"))


def _tables(connection: Connection) -> set[str]:
    return set(connection.execute(_THERE).scalars())
