"""A repair where a place holds other bytes than it did: on real embedded stores."""

import json

from services.front.embedded import publisher
from tests.fakes.mail_events import fetched
from tests.integration.commands.conftest import MAIL, Home

SHOWN = "SELECT string_agg(e.message_id, ' ' ORDER BY uid) FROM email_places p JOIN emails e ON e.id = p.email_id"
LEDGER = (
    "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active');"
    "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published) "
    "VALUES ('work-INBOX', 1, 1700000000, '{[1,3)}', '{[1,3)}')"
)


async def test_what_had_a_place_before_does_not_take_it_back(home: Home) -> None:
    await home.take(MAIL[0], MAIL[2])
    await home.take(MAIL[1])
    assert home.run("repair", "--check").exit_code == 0
    done = home.run("repair", "--offline")
    assert (done.exit_code, "0 messages sent" in done.stdout) == (0, True)
    assert home.value(SHOWN) == "b@x c@x"


async def test_a_place_whose_row_is_lost_comes_back_beside_one_that_was_taken_over(home: Home) -> None:
    await home.take(MAIL[0], MAIL[2], MAIL[3])
    await home.take(MAIL[1])
    home.change("DELETE FROM email_places WHERE uid = 2")
    told = json.loads(home.run("repair", "--check", "--json").stdout)
    assert (told["unstored"], told["wanted"]) == (1, 1)
    assert home.run("repair", "--offline").exit_code == 0
    assert home.value(SHOWN) == "b@x c@x d@x"


async def test_a_place_that_only_names_what_took_it_over_is_given_back(home: Home) -> None:
    """Its own row of ``emails`` is lost, so its place waits for it: here for a message that nobody has."""
    await home.take(MAIL[0], MAIL[2])
    home.change("UPDATE email_places SET email_id = NULL, content_sha256 = 'aa' WHERE uid = 1")
    assert home.run("repair", "--check").exit_code == 3
    assert home.run("repair", "--offline").exit_code == 0
    assert home.value(SHOWN) == "a@x c@x"


async def test_a_raw_message_that_the_server_gives_in_another_form_is_told_as_gone_for_good(home: Home) -> None:
    await home.take(MAIL[1], MAIL[2])
    home.change(LEDGER)
    (path,) = (path for path in home.objects() if path.read_bytes() == MAIL[1])
    path.unlink()
    assert "not on the server" not in home.run("repair").stderr
    await publisher(home.context).publish([fetched(b"X-Made: anew\r\n" + MAIL[1], 1)])
    done = home.run("repair")
    assert (done.exit_code, "1 raw messages that are gone are not on the server" in done.stderr) == (3, True)
    assert home.value("SELECT (stored, missing)::text FROM completeness") == "(2,0)"
