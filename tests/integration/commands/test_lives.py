"""Whatever happened to a mailbox and to what is stored of it: a repair and a sync later all is there, and nothing else.

``LIVES=1:500 pytest tests/integration/commands/test_lives.py`` tries other lives than those of every run.
"""

import json
import os
import random

import pytest

from services.common.objects import has_hash
from tests.dovecot_server import Dovecot, signed_in
from tests.integration.commands import lives
from tests.integration.commands.conftest import Home

ROUNDS = 3
FIRST, LAST = map(int, os.environ.get("LIVES", "1:4").split(":"))
SHOWN = "SELECT folder, uid, content_sha256, flags FROM email_places WHERE visible"
WITHOUT = """SELECT e.content_sha256 FROM emails e WHERE NOT EXISTS (SELECT FROM objects o
WHERE (o.account_id, o.kind, o.sha256) = (e.account_id, 'message', e.content_sha256))
UNION ALL SELECT a.name FROM attachments a WHERE NOT EXISTS (SELECT FROM objects o
WHERE (o.account_id, o.kind, o.sha256) = (a.account_id, 'attachment', a.sha256))
UNION ALL SELECT e.content_sha256 FROM emails e WHERE NOT EXISTS (SELECT FROM email_places p WHERE p.email_id = e.id)
UNION ALL SELECT folder FROM email_places p WHERE visible AND NOT EXISTS (SELECT FROM folders f
WHERE (f.id, f.name, f.state, f.uidvalidity) = (p.folder_id, p.folder, 'active', p.uidvalidity))
UNION ALL SELECT error || reason FROM dead_letters"""


def shown(home: Home) -> lives.State:
    found = home.rows(SHOWN)
    return {(name, uid): (sha256, frozenset(flags)) for name, uid, sha256, flags in found}


def mend(home: Home) -> None:
    """Twice, as a folder that the server does not list is gone when it is not listed again."""
    for _ in range(2):
        home.run("repair", "--verify")
        assert home.run("sync").exit_code == 0
    assert home.run("sync").exit_code == 0


def all_fits(home: Home) -> None:
    assert home.rows(WITHOUT) == []
    named = home.rows("SELECT key, sha256 FROM objects")
    assert [key for key, sha256 in named if not has_hash(home.context.store, key, sha256)] == []
    looked = home.run("repair", "--check", "--verify")
    assert looked.exit_code == 0, looked.output
    assert "\n0 messages sent through" in home.run("repair").output
    (account,) = json.loads(home.run("status", "--json").stdout)
    for folder in account["folders"]:
        assert folder["missing"] == folder["pending"] == folder["quarantined"] == 0
        assert folder["listed"] == folder["stored"] + folder["vanished"]


@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_after_any_life_all_is_there_and_nothing_else(home: Home, server: Dovecot, seed: int) -> None:
    chance, happened = random.Random(seed), []
    for _ in range(ROUNDS):
        with signed_in(server) as client:
            lives.live(client, chance, 12)
            assert home.run("sync").exit_code == 0
            lives.live(client, chance, chance.choice((0, 6)))
            there = {sha256 for sha256, _ in lives.on_server(client).values()}
            damages = lives.damage(home, chance, there)
            happened += [*damages, *lives.killed(home, chance), *lives.commands(home, chance)]
            if not lives.OBJECTS & set(damages):
                lives.live(client, chance, chance.choice((0, 6)))
        mend(home)
        with signed_in(server) as client:
            assert shown(home) == lives.on_server(client), happened
        all_fits(home)
