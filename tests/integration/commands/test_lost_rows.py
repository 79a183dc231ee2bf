"""Rows of a table that somebody deletes or empties, while the rows of their messages stay."""

import json

import pytest

from services.front.embedded import publisher
from tests.fakes.mail_events import fetched, message, with_file
from tests.integration.commands.conftest import Home

FILES = "SELECT string_agg(part_path || name || sha256, '|' ORDER BY sha256) FROM attachments"
THREADS = "SELECT string_agg(message_id || ' ' || thread_id, '|' ORDER BY message_id) FROM thread_refs"
STATES = "SELECT array_agg((uid, flags, labels, visible)::text ORDER BY uid) FROM email_places"
SHOWN = "SELECT string_agg(message_id || ' ' || thread_id, '|' ORDER BY message_id) FROM emails"


def with_text_files() -> bytes:
    """A named text that is shown has no row; a text that is a file, and a file without a name, have."""
    made = message("texts", "shown", Message_ID="<t@x>")
    made.set_param("name", "shown.txt")
    made.add_attachment("kept", filename="kept.txt")
    made.add_attachment(b"nameless", "application", "octet-stream")
    return made.as_bytes()


@pytest.mark.parametrize(
    ("lost", "unstored"),
    [
        ("TRUNCATE attachments", 3),
        ("DELETE FROM attachments WHERE name = 'kept.txt'", 1),
        ("DELETE FROM attachments WHERE name IS NULL", 1),
    ],
)
async def test_rows_of_attachments_come_back(stored: Home, lost: str, unstored: int) -> None:
    await publisher(stored.context).publish([fetched(with_text_files(), 9)])
    assert stored.run("repair", "--check", "--offline").exit_code == 0
    before = stored.value(FILES)
    stored.change(lost)
    looked = stored.run("repair", "--check", "--offline", "--json")
    assert (looked.exit_code, json.loads(looked.stdout)["unstored"]) == (3, unstored)
    assert stored.run("repair", "--offline").exit_code == 0
    assert stored.value(FILES) == before
    assert stored.value("SELECT count(*) FROM emails WHERE parser_version = '0'") == 0
    assert stored.run("repair", "--check").exit_code == 0


async def test_a_repair_of_one_account_leaves_rows_of_others(stored: Home) -> None:
    await stored.take(with_file(message("b", "b"), b"b", "b.txt").as_bytes(), account="work-b")
    stored.change("TRUNCATE attachments")
    assert stored.run("repair", "work-b", "--offline").exit_code == 0
    assert stored.value(FILES).startswith("2b.txt")
    assert stored.value("SELECT string_agg(DISTINCT account_id, ' ') FROM attachments") == "work-b"


@pytest.mark.parametrize("lost", ["TRUNCATE thread_refs", "DELETE FROM thread_refs WHERE message_id = 'a@x'"])
async def test_a_reply_joins_its_thread_after_a_repair_of_the_ids(stored: Home, lost: str) -> None:
    ids, threads = stored.value(THREADS), stored.value(SHOWN)
    stored.change(lost)
    looked = stored.run("repair", "--check", "--offline", "--json")
    assert (looked.exit_code, json.loads(looked.stdout)["unthreaded"]) == (3, 4 if "TRUNCATE" in lost else 1)
    assert "ids of messages whose threads are forgotten" in stored.run("repair", "--offline").stdout
    assert (stored.value(THREADS), stored.value(SHOWN)) == (ids, threads)
    reply = message("Re: 合同", "late", Message_ID="<e@x>", In_Reply_To="<a@x>").as_bytes()
    await publisher(stored.context).publish([fetched(reply, 9)])
    assert stored.value("SELECT count(DISTINCT thread_id) FROM emails WHERE message_id IN ('a@x', 'b@x', 'e@x')") == 1
    assert stored.run("repair", "--check").exit_code == 0


async def test_ids_that_no_row_can_hold_whole_are_not_told_as_lost(home: Home) -> None:
    long, odd = f"<{'i' * 3_000}@x>", "<\\ud800\x00@x>"
    await home.take(
        message("own", "o", Message_ID=long).as_bytes(),
        message("other", "o", Message_ID="<o@x>", References=f"{long} {odd} {long}").as_bytes(),
        b"Message-ID: <\xed\xa0\x80\xff@x>\r\nReferences: <\xed\xa0\x80@x>\r\nSubject: octets\r\n\r\nx",
    )
    assert json.loads(home.run("repair", "--check", "--offline", "--json").stdout)["unthreaded"] == 0


async def test_a_message_that_vanished_after_its_row_was_lost_keeps_its_flags(stored: Home) -> None:
    """What an event told of it waits for its row: the ledger knows the rest."""
    stored.change(
        "INSERT INTO folders (id, account, wire, name, state) VALUES ('work-INBOX', 'work', 'INBOX', 'I', 'active')"
    )
    stored.change(
        "INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published, vanished, invisible, flags) "
        "VALUES ('work-INBOX', 1, 1700000000, '{[1,5)}', '{[1,5)}', '{[2,3)}', '{[3,4)}', "
        """'{"\\\\Seen": "1:2", "X-GM-LABELS to do": "1"}')"""
    )
    stored.change("DELETE FROM emails")
    waiting = (
        "INSERT INTO place_states (folder_id, uidvalidity, uid, flags, visible, sequence, visible_sequence) VALUES"
    )
    stored.change(f"{waiting} ('work-INBOX', 1700000000, 1, NULL, false, 0, 9)")
    stored.change(f"{waiting} ('work-INBOX', 1700000000, 2, '{{newer}}', NULL, 9, 0)")
    assert stored.run("repair", "--offline").exit_code == 0
    one, two, hidden, _ = stored.value(STATES)
    assert one == r"""(1,"{""\\\\Seen""}","{""to do""}",f)"""
    assert (two, hidden) == ("(2,{newer},,f)", "(3,{},,f)")
