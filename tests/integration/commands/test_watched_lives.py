"""Random lives of a mailbox that is watched meanwhile: what changes is shown, at once or after the next poll.

The seed of a life is its number. ``LIVES=1:500`` runs others than the few of every day (with Dovecot, from the first to
before the last).
"""

import contextlib
import os
import random
import signal
from collections.abc import Iterator

import pytest

from tests.dovecot_server import Dovecot, signed_in
from tests.integration.commands import lives
from tests.integration.commands.conftest import Home
from tests.integration.commands.test_lives import shown
from tests.polling import until

FIRST, LAST = map(int, os.environ.get("LIVES", "1:3").split(":"))
ROUNDS, SOON = 8, 30


@contextlib.contextmanager
def watched(home: Home, poll: float) -> Iterator[None]:
    for setting in ("poll_interval", "list_interval"):
        assert home.run("accounts", "set", "work", f"{setting}={poll}").exit_code == 0
    process = home.started("sync", "--watch")
    try:
        yield
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_what_changes_is_shown_after_the_next_poll(home: Home, server: Dovecot, seed: int) -> None:
    chance = random.Random(seed)
    with watched(home, 1), signed_in(server) as client:
        for _ in range(ROUNDS):
            lives.live(client, chance, chance.choice((1, 5, 20)))
            there = lives.on_server(client)
            until(lambda there=there: shown(home) == there, SOON)


def test_mail_and_what_happens_in_the_open_folder_is_shown_at_once(home: Home, server: Dovecot, seed: int) -> None:
    chance = random.Random(seed)
    with signed_in(server) as client:
        lives.live(client, chance, 12)
        assert home.run("sync").exit_code == 0
        with watched(home, 3600):
            for _ in range(ROUNDS):
                lives.live_at_once(client, chance, chance.choice((1, 5, 20)))
                there = lives.on_server(client)
                until(lambda there=there: shown(home) == there, SOON)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("seed", range(FIRST, LAST))
