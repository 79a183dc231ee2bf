"""What an erasing leaves: as if the account had never been, whatever tables the schema has."""

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Connection, text

from services.common.accounts.fields import Account
from services.common.objects import NewObject
from services.common.secret import Secret
from tests.integration.commands.conftest import Home

NEIGHBOURS = ("wor", "work2", "work-2")
OF_NO_ACCOUNT = {"alembic_version", "account_changes", "console_users", "console_sessions", "console_signin_failures"}
MADE_WITH_THE_ACCOUNT = {"accounts", "account_keys", "account_secrets", "account_grants"}
PARENTS = ("folders", "emails")
TABLES = text(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
)
COLUMNS = text(
    "SELECT column_name, udt_name FROM information_schema.columns WHERE table_schema = 'public' "
    "AND table_name = :table AND (is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' "
    "AND is_generated = 'NEVER' OR column_name IN ('account_id', 'folder_id', 'email_id'))"
)
BY_TYPE = {
    "int8": "7", "int4": "7", "int2": "7", "timestamptz": "'2026-11-22'", "date": "'2026-11-22'", "bool": "true",
    "jsonb": "'{}'", "int8multirange": "'{}'", "_text": "'{}'", "_int8": "'{}'", "tsvector": "''",
}  # fmt: skip


def made(name: str, kind: str, slug: str) -> str:
    """A value for a column that must have one, as SQL."""
    if name in {"account", "account_id"}:
        return f"'{slug}'"
    by_name = {
        "folder_id": f"'{slug}-f'",
        "email_id": f"(SELECT id FROM emails WHERE account_id = '{slug}')",
        "offset": str(sum(slug.encode())),
        "user_id": "(SELECT id FROM console_users WHERE name = 'canary')",
    }
    return by_name.get(name) or BY_TYPE.get(kind, f"'of {slug}'")


def tables(connection: Connection) -> list[str]:
    found = set(connection.execute(TABLES).scalars()) - OF_NO_ACCOUNT - MADE_WITH_THE_ACCOUNT
    return [*PARENTS, *sorted(found - set(PARENTS))]


def fill(home: Home, slug: str) -> None:
    """A row of the account in every table there is, and objects."""
    home.context.accounts.add(Account(slug=slug, host="localhost", user="u"), ("password", Secret("x")))
    with home.context.engine.begin() as connection:
        for table in tables(connection):
            columns = connection.execute(COLUMNS, {"table": table}).all()
            values = {name: made(name, kind, slug) for name, kind in columns}
            if table == "folders":
                values["id"] = f"'{slug}-f'"
            names = ", ".join(f'"{name}"' for name in values)
            connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(values.values())})'))
    home.context.store.put_many([NewObject(f"{slug}/messages/undated/{part}.eml", b"x", "a/b") for part in "ab"])


def everything(home: Home) -> Mapping[str, list[str]]:
    """All rows of all tables, as text, and all keys."""
    with home.context.engine.connect() as connection:
        names = set(connection.execute(TABLES).scalars()) - {"account_changes"}
        rows = {name: connection.execute(text(f'SELECT t::text FROM "{name}" t')).scalars() for name in names}
        found = {name: sorted(each) for name, each in rows.items()}
    return {**found, "(objects)": list(home.context.store.keys(""))}


@pytest.fixture
def user(home: Home) -> Iterator[None]:
    home.change("INSERT INTO console_users (name, password_hash, role) VALUES ('canary', 'x', 'user')")
    yield
    home.change("DELETE FROM console_users WHERE name = 'canary'")
    for slug in [each.slug for each in home.context.accounts.list()]:
        home.run("accounts", "remove", slug, "--erase", "--yes")


@pytest.mark.usefixtures("user")
def test_no_row_of_any_table_is_left_and_none_of_an_account_with_a_name_like_it_goes(home: Home) -> None:
    for slug in NEIGHBOURS:
        fill(home, slug)
    before = everything(home)
    fill(home, "work")
    filled = everything(home)
    empty = {name for name, rows in filled.items() if rows == before[name]}
    assert empty == OF_NO_ACCOUNT - {"account_changes"} | {"account_grants"}
    assert home.run("accounts", "remove", "work", "--erase", "--yes").exit_code == 0
    after = everything(home)
    left = {name: [row for row in rows if row not in before[name]] for name, rows in after.items()}
    told = left.pop("audit_log")
    assert {name: rows for name, rows in left.items() if rows} == {}
    assert {name: rows for name, rows in before.items() if not set(rows) <= set(after[name])} == {}
    assert {action for row in told for action in ("erase", "account-remove") if f",{action}," in row} == {
        "erase",
        "account-remove",
    }
    assert len(told) == 2
