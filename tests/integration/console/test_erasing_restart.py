"""A console that was killed after somebody asked it to erase an account: the next one does it."""

from pathlib import Path

from sqlalchemy import Engine

from services.common.account_fields import Account
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
