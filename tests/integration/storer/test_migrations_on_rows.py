"""Each revision up, down and up again on a database with a row in every table: nothing is lost, nothing refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from services.common.postgres import migrations
from tests.databases import connected

VERSIONS = Path(migrations.__file__).parents[3] / "infra" / "postgres" / "migrations" / "versions"
REVISIONS = sorted(path.stem for path in VERSIONS.glob("[0-9]*.py"))
TABLES = text(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY tablename"
)
COLUMNS = text(
    "SELECT column_name, udt_name FROM information_schema.columns WHERE table_schema = 'public' "
    "AND table_name = :table AND is_identity = 'NO' AND is_generated = 'NEVER'"
)
OF_TYPE = {
    "int8": "7", "int4": "7", "int2": "7", "bool": "true", "bytea": "'\\x6f'", "timestamptz": "'2026-11-22 10:00+00'",
    "date": "'2026-11-22'", "int8multirange": "'{[1,8)}'", "_text": "'{x}'", "_int8": "'{7}'", "tsvector": "'word'",
    "jsonb": "'{}'",
}  # fmt: skip
OF_NAME = {
    "email_id": "(SELECT id FROM emails)",
    "user_id": "(SELECT id FROM console_users)",
    "role": "'user'",
    "tls": "'implicit'",
    "kind": "'browser'",
    "parser_version": "'1.0'",
    "state": "'active'",
    "epoch_changes": "'[]'",
} | dict.fromkeys(("account", "account_id", "slug"), "'work'")


def fill(engine: Engine) -> None:
    """A row with a value in every column for each table that has none; parents come first by trying."""
    with engine.begin() as connection:
        empty = [name for name in connection.execute(TABLES).scalars() if _rows(connection, name) == []]
        for _ in range(len(empty)):
            empty = [name for name in empty if not _put(connection, name)]
        assert empty == []


def _put(connection: Connection, table: str) -> bool:
    columns = connection.execute(COLUMNS, {"table": table}).all()
    values = [OF_NAME.get(name) or OF_TYPE.get(kind, "'x'") for name, kind in columns]
    names = ", ".join(f'"{name}"' for name, _ in columns)
    try:
        with connection.begin_nested():
            connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(values)})'))
    except DBAPIError:
        return False
    return True


def _rows(connection: Connection, table: str) -> list[dict[str, Any]]:
    return list(connection.execute(text(f'SELECT to_jsonb(t) FROM "{table}" t')).scalars())


def everything(engine: Engine) -> Mapping[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        return {name: _rows(connection, name) for name in connection.execute(TABLES).scalars()}


def shared(one: Mapping[str, list[dict[str, Any]]], other: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What ``one`` has in tables and columns that ``other`` has, too."""
    found = {}
    for table in sorted(one.keys() & other.keys()):
        names = {name for row in one[table] for name in row} & {name for row in other[table] for name in row}
        found[table] = [{name: row[name] for name in sorted(names)} for row in one[table]]
    return found


def test_each_revision_goes_up_and_down_with_a_row_in_every_table(empty: str) -> None:
    with connected(empty) as engine:
        for before, revision in zip(["base", *REVISIONS], REVISIONS, strict=False):
            if before != "base":
                fill(engine)
            old = everything(engine)
            migrations.upgrade(empty, revision)
            new = everything(engine)
            assert shared(new, old) == shared(old, new), revision
            fill(engine)
            migrations.downgrade(empty, before)
            assert shared(everything(engine), old) == shared(old, everything(engine)), revision
            migrations.upgrade(empty, revision)
