"""Folders whose mail rows show, and of which the poller knows nothing: after a rebuild from objects alone."""

import json

import pytest

from tests.databases import FILLED
from tests.dovecot_server import Dovecot
from tests.fakes.mail_events import message
from tests.integration.commands.conftest import Home

SHOWN = "SELECT string_agg(concat(folder, ' ', uid), ', ' ORDER BY folder, uid) FROM email_places WHERE visible"
FOLDERS = "SELECT string_agg(concat(id, ' ', state, ' ', uidvalidity), ', ' ORDER BY id) FROM folders"
FOLDER = (
    "INSERT INTO folders (id, account, wire, name, state, uidvalidity, pass_at) "
    "VALUES ('{}', 'work', 'INBOX', 'INBOX', '{}', {}, now())"
)
REPORT = (
    "INSERT INTO email_sync_status SELECT 'work', 'work-INBOX', 'INBOX', '{}', 1700000000, 3, 0, 0, 0, 0, 0, 0, "
    "now(), NULL, NULL, NULL, 'active', 1"
)


def strays(home: Home) -> int:
    done = home.run("repair", "--check", "--offline", "--json")
    found = json.loads(done.stdout)["strays"]
    assert done.exit_code == 3 or not found
    return int(found)


async def test_a_folder_without_a_record_is_given_to_the_poller(stored: Home, account: str) -> None:
    stored.change(REPORT.format(r"IN\xe9\x5cBOX"))
    assert (account, strays(stored)) == ("work", 1)
    done = stored.run("repair", "--offline")
    assert "\n1 folders that the poller is to look for; 0 past ones are hidden\n" in done.stdout
    assert stored.value(FOLDERS) == "work-INBOX active 1700000000"
    assert stored.value("SELECT (wire, epoch, pass_at IS NULL)::text FROM folders") == r'("\\x494ee95c424f58",3,t)'
    assert sorted(stored.value("SELECT samples FROM folders")) == ["1", "2", "3", "4"]
    assert stored.value(SHOWN) == "INBOX 1, INBOX 2, INBOX 3, INBOX 4"
    stored.change("UPDATE email_sync_status SET sequence = 2")
    assert strays(stored) == 0


@pytest.mark.parametrize(
    ("folder", "report"),
    [
        (FOLDER.format("other", "active", 1700000000), "gone"),
        (FOLDER.format("work-INBOX", "active", 1700000001), "active"),
        (FOLDER.format("work-INBOX", "gone", 1700000000), "gone"),
    ],
    ids=["name-taken", "past-uidvalidity", "gone"],
)
async def test_mail_of_a_past_folder_is_hidden(stored: Home, account: str, folder: str, report: str) -> None:
    stored.change(REPORT.format("INBOX"))
    stored.change(folder)
    before = stored.value(FOLDERS)
    assert (account, strays(stored)) == ("work", 1)
    assert (
        "\n0 folders that the poller is to look for; 1 past ones are hidden\n"
        in stored.run("repair", "--offline").stdout
    )
    assert (stored.value(SHOWN), stored.value(FOLDERS)) == (None, before)
    assert stored.value("SELECT state FROM email_sync_status") == report
    assert stored.value("SELECT count(*) FROM email_places") == 4


async def test_of_two_with_one_name_the_newer_is_given_to_the_poller(stored: Home, account: str) -> None:
    stored.change("UPDATE email_places SET uidvalidity = 1700000001 WHERE uid = 3")
    stored.change("UPDATE email_places SET uidvalidity = 1700000002, folder_id = 'newer' WHERE uid = 4")
    assert (account, strays(stored)) == ("work", 3)
    stored.run("repair", "--offline")
    assert (stored.value(FOLDERS), stored.value(SHOWN)) == ("newer active 1700000002", "INBOX 4")


async def test_a_folder_that_has_a_report_and_no_mail_is_one_too(home: Home, account: str) -> None:
    home.change(REPORT.format("INBOX"))
    assert (account, strays(home)) == ("work", 1)
    home.run("repair", "--offline")
    assert home.value(FOLDERS) == "work-INBOX active 1700000000"


@pytest.mark.parametrize(
    "known",
    [FOLDER.format("work-INBOX", "absent", 1700000000), FOLDER.format("work-INBOX", "active", "NULL")],
    ids=["absent", "not-read-yet"],
)
async def test_what_the_poller_knows_is_none(stored: Home, account: str, known: str) -> None:
    stored.change(known)
    assert (account, strays(stored)) == ("work", 0)


async def test_mail_of_other_and_of_removed_accounts_is_left_alone(stored: Home, account: str) -> None:
    await stored.take(message("a", "a").as_bytes(), account="work-b")
    assert (account, strays(stored)) == ("work", 1)
    looked = stored.run("repair", "work-b", "--check", "--json")
    assert json.loads(looked.stdout)["strays"] == 0


async def test_a_rebuild_from_objects_alone_shows_what_the_server_has(home: Home, server: Dovecot) -> None:
    for folder in ("Sent", "Old", "Kept"):
        for number in range(3):
            server.deliver(message(f"{folder} {number}", "x").as_bytes(), f"{number}.mail", folder)
    assert home.run("sync").exit_code == 0
    before = home.value("SELECT folder_id FROM email_places WHERE folder = 'Kept' LIMIT 1")
    for old, new in (("Old", None), ("Kept", "Named anew")):
        (path,) = server.folder.rglob(f".{old}")
        path.rename(path.with_name(f".{new}") if new else server.folder / "away")
    home.change(f"DROP TABLE {', '.join(FILLED)} CASCADE")
    assert home.run("repair").exit_code == 0
    for _ in range(2):
        assert home.run("sync").exit_code == 0
    shown = "Named anew 1, Named anew 2, Named anew 3, Sent 1, Sent 2, Sent 3"
    assert home.value(SHOWN) == shown
    assert home.value("SELECT folder_id FROM email_places WHERE folder = 'Named anew' LIMIT 1") == before
    assert home.value("SELECT count(*) FROM email_places") == 9
    assert home.run("repair", "--check").exit_code == 0


async def test_mail_that_the_poller_lost_and_the_server_deleted_is_hidden(home: Home, server: Dovecot) -> None:
    """It comes back from its object, and nobody would tell that it is gone: the ledger does not know it."""
    for number in range(3):
        server.deliver(message(f"Letter {number}", "x").as_bytes(), f"{number}.mail")
    assert home.run("sync").exit_code == 0
    home.change("DELETE FROM email_places WHERE uid = 2")
    home.change("TRUNCATE folder_ledger")
    (path,) = server.folder.rglob("1.mail*")
    path.unlink()
    assert home.run("sync").exit_code == 0
    assert home.run("repair").exit_code == 0
    assert home.value(SHOWN) == "INBOX 1, INBOX 3"
    assert home.run("repair", "--check").exit_code == 0


async def test_shown_mail_that_the_poller_never_listed_is_told(stored: Home, account: str) -> None:
    stored.change(FOLDER.format("work-INBOX", "active", 1700000000))
    stored.change("INSERT INTO folder_ledger VALUES ('work-INBOX', 1, 1700000000, '{[1,3),[4,5)}', '{[1,3),[4,5)}')")
    (found,) = stored.lines("repair", "--check", "--json")
    assert (account, found["outdated"], found["strays"]) == ("work", 1, 0)
