"""Our schema made beside the one that is there, which it then replaces name by name; others' tables are not touched."""

from sqlalchemy import Connection, text

NAME = "mailweir_new"
# All that the schema holds by itself, with the word for its kind: sequences of columns go with their tables.
_MADE = text(
    f"""SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
       quote_ident(relname) AS name
FROM pg_class c WHERE relnamespace = '{NAME}'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i')
                AND refclassid = 'pg_class'::regclass)
UNION ALL SELECT 'ROUTINE', format('%I(%s)', proname, pg_get_function_identity_arguments(oid))
FROM pg_proc WHERE pronamespace = '{NAME}'::regnamespace"""  # noqa: S608 (a constant of ours)
)
_TWICE = text(
    f"""SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
AND to_regclass('{NAME}.' || quote_ident(relname)) IS NOT NULL ORDER BY relname"""  # noqa: S608 (as above)
)


def begin(connection: Connection) -> None:
    """Let the statements that follow in this transaction make their tables in a schema of its own."""
    connection.execute(text(f"CREATE SCHEMA {NAME}"))
    connection.execute(text(f"SET LOCAL search_path TO {NAME}"))


def twice(connection: Connection) -> list[str]:
    """Tables that were made and are in the schema ``public``, too."""
    return list(connection.execute(_TWICE).scalars())


def take_over(connection: Connection) -> None:
    """What was made takes the place of what ``public`` has under the same name."""
    made = connection.execute(_MADE).all()
    for kind, name in made:
        connection.execute(text(f"DROP {kind} IF EXISTS public.{name} CASCADE"))
    for kind, name in made:
        connection.execute(text(f"ALTER {kind} {NAME}.{name} SET SCHEMA public"))
    connection.execute(text(f"DROP SCHEMA {NAME}"))
