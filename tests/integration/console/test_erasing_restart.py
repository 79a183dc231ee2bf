"""A console that was killed after somebody asked it to erase an account: the next one does it."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from services.cli.main import cli
from services.common.accounts.fields import Account
from services.common.errors import ConfigurationError
from services.console import erasing, users
from services.console.settings import ConsoleSettings
from tests.integration.console.cast import console_ports, serving
from tests.integration.console.seeds import seed
from tests.polling import until

NAME = "old"


def test_the_wish_outlives_the_console_that_took_it(database: Engine, tmp_path: Path) -> None:
    first = console_ports(database, tmp_path)
    first.accounts.add(Account(slug=NAME, host="imap.example.org", user="old@example.org"))
    seed(database, [NAME], folders=1, mail=3)
    erasing.ask(first, users.add(database, "ann", None), NAME)
    found = erasing.erasure_of(database, NAME)
    assert found is not None
    assert (found.asked_by, found.left, found.problem, found.tried_at) == ("ann", 3, "", None)
    second = console_ports(database, tmp_path)
    with serving(second, ConsoleSettings(port=0)):
        until(lambda: erasing.erased_by(database, NAME) == "ann")
    assert second.accounts.find(NAME) is None
    assert erasing.waiting(database) == []


def test_commands_do_not_bring_back_what_is_being_erased(database: Engine, tmp_path: Path) -> None:
    ports = console_ports(database, tmp_path)
    ports.accounts.add(Account(slug="held", host="imap.example.org", user="held@example.org"))
    erasing.ask(ports, users.add(database, "bea", None), "held")
    url = database.url.render_as_string(hide_password=False)
    environment = {"MAILWEIR_HOME": str(tmp_path), "MAILWEIR_DATABASE_URL": url}
    for words in (("resume", "held"), ("remove", "held")):
        with pytest.raises(ConfigurationError, match="is being erased, as bea asked the console"):
            CliRunner().invoke(cli, ["accounts", *words], env=environment, catch_exceptions=False)
    assert ports.accounts.get("held").state == "paused"
    done = CliRunner().invoke(cli, ["accounts", "remove", "held", "--erase", "--yes"], env=environment)
    assert done.exit_code == 0, done.output
    assert erasing.waiting(database) == []
