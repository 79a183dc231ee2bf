"""Rows of ``folders`` that somebody deleted: the folders are known again, and their mail is not there twice."""

import pytest
from sqlalchemy import text

from services.common.events import MessagesVanished
from tests.fakes.imap_model import Mailbox, Message, Script, messages, sample

LAST_REPORT = """INSERT INTO email_sync_status
SELECT account, id, name, encode(wire, 'escape'), uidvalidity, epoch, 5, 5, 5, 0, 0, 0, now(), NULL, NULL, NULL,
'active', sequence FROM folders WHERE account = :account"""


@pytest.mark.parametrize("lost", [("folders",), ("folders", "folder_ledger")])
@pytest.mark.parametrize("renamed", [False, True])
async def test_a_folder_whose_row_is_lost_keeps_its_id_and_its_mail(play, renamed, lost):
    script = Script({b"INBOX": Mailbox(messages(2), uidvalidity=1), b"Old": Mailbox(messages(5), uidvalidity=5)})
    async with play(script) as p:
        await p.sync()
        if renamed:
            script.mailboxes[b"New"] = script.mailboxes.pop(b"Old")
            await p.sync()
        before = ids(p)
        change(p, LAST_REPORT)
        for table in reversed(lost):
            column = "account = :account" if table == "folders" else f"folder_id IN {IDS}"
            change(p, f"DELETE FROM {table} WHERE {column}")
        assert (await p.sync()).exit_code == 0
        assert ids(p) == before
        assert p.recorder.times["INBOX", 1, 2] == len(lost)
        script.mailboxes[b"INBOX"].messages.append(Message(9, sample(9)))
        assert (await p.sync()).exit_code == 0
        assert ("INBOX", 1, 9) in p.stored


IDS = "(SELECT id FROM folders WHERE account = :account)"


def ids(p):
    with p.engine.connect() as connection:
        query = text("SELECT name, id, uidvalidity, epoch FROM folders WHERE account = :account")
        return {row.name: tuple(row) for row in connection.execute(query, {"account": p.slug})}


def change(p, query):
    with p.engine.begin() as connection:
        connection.execute(text(query), {"account": p.slug})


async def test_a_folder_whose_row_is_lost_may_have_another_uidvalidity_by_then(play):
    script = Script({b"INBOX": Mailbox(messages(3), uidvalidity=5)})
    async with play(script) as p:
        await p.sync()
        change(p, "DELETE FROM folders WHERE account = :account")
        script.mailboxes[b"INBOX"] = Mailbox([Message(uid, sample(uid + 50)) for uid in range(1, 3)], uidvalidity=6)
        assert (await p.sync()).exit_code == 0
        assert {place for place in p.stored if place[1] == 6} == {("INBOX", 6, 1), ("INBOX", 6, 2)}
        assert ids(p)["INBOX"][2:] == (6, 2)
        assert p.recorder.of(MessagesVanished)
