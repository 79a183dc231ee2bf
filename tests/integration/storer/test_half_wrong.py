"""Databases that are there and not fit: told with what to change, before mail is refused or a stack trace is shown."""

from urllib.parse import quote

import pytest
from sqlalchemy import text

from services.common.database import engine_for, transaction
from services.common.errors import ConfigurationError, MailweirError, Unavailable
from services.common.postgres import migrations
from tests.databases import done_as_owner


def with_options(url: str, options: str) -> str:
    return f"{url}&options={quote(options)}"


def test_an_encoding_that_cannot_hold_every_script_is_refused(url: str) -> None:
    make = "CREATE DATABASE western ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    done_as_owner(url, make)
    western = url.replace("/postgres?", "/western?")
    for act in (migrations.upgrade, migrations.check):
        with pytest.raises(ConfigurationError, match=r"the database is in LATIN1.*ENCODING 'UTF8'"):
            act(western)


def test_a_user_without_rights_is_told_to_own_the_database(empty: str) -> None:
    done_as_owner(empty, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest")
    with pytest.raises(ConfigurationError, match="permission denied for schema public; let the user of MAILWEIR_"):
        migrations.upgrade(with_options(empty, "-c role=guest"))


def test_a_database_that_takes_no_changes_is_waited_for(empty: str) -> None:
    migrations.upgrade(empty)
    engine = engine_for(with_options(empty, "-c default_transaction_read_only=on"))
    with pytest.raises(Unavailable, match="takes no changes"), transaction(engine) as connection:
        connection.execute(text("DELETE FROM emails"))
    engine.dispose()


@pytest.mark.parametrize(
    ("query", "told"), [("sslmod=require", 'invalid connection option "sslmod"'), ("sslmode=requre", "sslmode value")]
)
def test_an_option_that_is_none_is_named(url: str, query: str, told: str) -> None:
    with pytest.raises(MailweirError, match=f"MAILWEIR_DATABASE_URL: .*{told}") as caught:
        migrations.current(f"{url}&{query}")
    assert caught.value.exit_code == 2
