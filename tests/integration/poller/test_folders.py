"""Scenarios 16 to 18: folder names, folder life, disappearance."""

import pytest

from services.common.events import (
    FlagsChanged,
    FlagSet,
    FolderCreated,
    FolderEvent,
    FolderGone,
    FolderRenamed,
    MessagesReturned,
    MessagesVanished,
)
from services.poller.adapters import PostgresLedger
from tests.fakes.imap_model import Mailbox, Message, Script, folder, messages, on, sample, says
from tests.integration.poller.conftest import inbox

NAMES = {
    folder("已发送邮件/项目"): "已发送邮件/项目",
    "草稿箱".encode(): "草稿箱",
    "已删除".encode("gbk"): "已删除",
    b'with "quotes" and \\ backslash': 'with "quotes" and \\ backslash',
    b"a&b": "a&b",
    b"line\r\nbreak": None,
}


async def test_names_of_every_kind(play):
    boxes = {wire: Mailbox(messages(2), uidvalidity=n) for n, wire in enumerate(NAMES, 1)}
    script = Script({b"INBOX": Mailbox(messages(1)), **boxes})
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert len(p.stored) == 13
        assert {name for name in NAMES.values() if name} <= {place[0] for place in p.stored}


async def test_flat_namespace_noselect_and_inbox_in_lower_case(play):
    script = Script(
        {
            b"inbox": Mailbox(messages(2)),
            b"a/b": Mailbox(messages(1), delimiter=None),
            b"[Gmail]": Mailbox(attributes=("\\Noselect",)),
        }
    )
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert {place[0] for place in p.stored} == {"INBOX", "a/b"}


@pytest.mark.parametrize("mailboxid", [None, "F1"])
async def test_rename_keeps_the_folder_and_its_mail(play, mailboxid):
    capabilities = ("IMAP4rev1", "OBJECTID") if mailboxid else ("IMAP4rev1",)
    script = Script(
        {b"INBOX": Mailbox(), b"Old": Mailbox(messages(5), uidvalidity=5, mailboxid=mailboxid)},
        capabilities=capabilities,
    )
    async with play(script) as p:
        await p.sync()
        script.mailboxes[b"New"] = script.mailboxes.pop(b"Old")
        assert (await p.sync()).exit_code == 0
        assert len(p.recorder.times) == 5
        (event,) = p.recorder.of(FolderRenamed)
        assert (event.oldfolder, event.folder) == ("Old", "New")
        assert p.folders() == {"INBOX": "active", "New": "active"}


async def test_equal_uidvalidity_alone_is_no_rename(play):
    script = Script({b"INBOX": Mailbox(), b"Old": Mailbox(messages(5), uidvalidity=5)})
    async with play(script) as p:
        await p.sync()
        del script.mailboxes[b"Old"]
        script.mailboxes[b"New"] = Mailbox([Message(uid, sample(uid + 100)) for uid in range(1, 6)], uidvalidity=5)
        assert (await p.sync()).exit_code == 0
        assert p.recorder.of(FolderRenamed) == []
        assert {place for place in p.stored if place[0] == "New"} == {("New", 5, uid) for uid in range(1, 6)}


async def test_deleted_folder_is_gone_after_two_looks_and_its_mail_stays(play):
    script = Script({b"INBOX": Mailbox(messages(1)), b"Old": Mailbox(messages(5), uidvalidity=5)})
    async with play(script, vanish_confirm=0) as p:
        await p.sync()
        del script.mailboxes[b"Old"]
        ledger = PostgresLedger(p.engine)
        old = next(record for record in ledger.folders(p.slug) if record.name == "Old")
        assert ledger.folder(old.id) == old
        assert (await p.sync()).exit_code == 0
        assert (await p.sync()).exit_code == 0
        assert ledger.folder(old.id) is None
        assert [event.folder for event in p.recorder.of(FolderGone)] == ["Old"]
        assert p.folders()["Old"] == "gone"
        assert len(p.stored) == 6


async def test_a_folder_missing_once_is_a_hiccup(play):
    script = Script({b"INBOX": Mailbox(messages(1)), b"Work": Mailbox(messages(5), uidvalidity=5)})
    async with play(script) as p:
        await p.sync()
        kept = script.mailboxes.pop(b"Work")
        await p.sync()
        script.mailboxes[b"Work"] = kept
        assert (await p.sync()).exit_code == 0
        assert p.recorder.of(FolderGone) == []
        assert p.folders() == {"INBOX": "active", "Work": "active"}
        assert p.complete()


@pytest.mark.parametrize("uidvalidity", [5, 6])
async def test_deleted_and_created_again(play, uidvalidity):
    script = Script({b"INBOX": Mailbox(), b"Work": Mailbox(messages(5), uidvalidity=5)})
    async with play(script) as p:
        await p.sync()
        script.mailboxes[b"Work"] = Mailbox(
            [Message(uid, sample(uid + 100)) for uid in (1, 2)], uidvalidity=uidvalidity
        )
        assert (await p.sync()).exit_code == 0
        contents = {event.contentsha256 for event in p.recorder.events if hasattr(event, "body")}
        assert len(contents) == 7
        assert (await p.sync()).exit_code == 0
        assert set(p.recorder.times.values()) <= {1, 2}


async def test_created_folder_is_followed(play):
    script = Script({b"INBOX": Mailbox(messages(1))})
    async with play(script) as p:
        await p.sync()
        script.mailboxes[b"Later"] = Mailbox(messages(2), uidvalidity=9)
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert {event.folder for event in p.recorder.of(FolderCreated)} == {"INBOX", "Later"}


async def test_status_tells_a_folder_that_was_never_opened_and_why(play):
    script = Script({b"INBOX": Mailbox(messages(1)), b"Closed": Mailbox(messages(3), uidvalidity=2)})
    script.hooks.append(on("EXAMINE", says("NO [NOPERM] not yours"), has="Closed"))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        inbox, closed = sorted(p.status(), key=lambda folder: folder.folder != "INBOX")
        assert (inbox.listed, inbox.last_error, inbox.last_pass is None) == (1, None, False)
        assert (closed.folder, closed.listed) == ("Closed", 0)
        assert "refused EXAMINE" in (closed.last_error or "")
        assert (await p.sync(exclude=("Closed",))).exit_code == 0
        assert [folder.folder for folder in p.status()] == ["INBOX"]
        script.hooks.clear()
        assert (await p.sync()).exit_code == 0
        assert {folder.folder: (folder.listed, folder.last_error) for folder in p.status()} == {
            "INBOX": (1, None),
            "Closed": (3, None),
        }


async def test_status_keeps_a_folder_whose_new_epoch_cannot_be_listed(play):
    script = Script({b"INBOX": Mailbox(messages(2))})
    async with play(script, attempts=2) as p:
        assert (await p.sync()).exit_code == 0
        script.mailboxes[b"INBOX"].uidvalidity += 1
        script.hooks += [on("UID FETCH", says("NO never")), on("UID SEARCH", says("NO never"))]
        assert (await p.sync()).exit_code == 3
        (folder,) = p.status()
        assert (folder.uidvalidity, folder.listed) == (script.mailboxes[b"INBOX"].uidvalidity, 0)
        assert "refused UID FETCH" in (folder.last_error or "")


async def test_only_the_chosen_folders(play):
    script = Script(
        {
            b"INBOX": Mailbox(messages(1)),
            b"Work/A": Mailbox(messages(1), uidvalidity=2),
            b"Work/B": Mailbox(messages(1), uidvalidity=3),
            b"Sent": Mailbox(messages(1), uidvalidity=4, attributes=("\\Sent",)),
            b"Spam": Mailbox(messages(1), uidvalidity=5, attributes=("\\Junk",)),
        }
    )
    async with play(script, include=("inbox", "Work/*", "\\Sent"), exclude=("Work/B",)) as p:
        assert (await p.sync()).exit_code == 0
        assert {place[0] for place in p.stored} == {"INBOX", "Work/A", "Sent"}
        opened = " ".join(p.server.commands("EXAMINE"))
        assert "Spam" not in opened
        assert "Work/B" not in opened


@pytest.mark.parametrize(
    "text", ["NO [NONEXISTENT] no such mailbox", "NO [NOPERM] not yours", "NO [CANNOT] never", "NO Permission denied"]
)
async def test_a_folder_that_cannot_be_opened_stops_no_other(play, text):
    script = Script({b"INBOX": Mailbox(messages(2)), b"Locked": Mailbox(messages(1), uidvalidity=2)})
    script.hooks.append(on("EXAMINE", says(text), has="Locked"))
    async with play(script) as p:
        result = await p.sync()
        assert result.exit_code == 3
        assert {place[0] for place in p.stored} == {"INBOX"}


async def test_mass_disappearance_and_return(play):
    script = Script({b"INBOX": Mailbox(messages(100))})
    async with play(script) as p:
        await p.sync()
        kept, inbox(script).messages = inbox(script).messages, []
        inbox(script).uidnext = 101
        assert (await p.sync()).exit_code == 0
        assert [event.confirmed for event in p.recorder.of(MessagesVanished)] == [False]
        inbox(script).messages = kept
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [event.uids for event in p.recorder.of(MessagesReturned)] == ["1:100"]


async def test_each_event_about_a_folder_has_a_number_above_those_before(play):
    script = Script({b"INBOX": Mailbox(messages(3))})
    async with play(script) as p:
        await p.sync()
        kept = inbox(script).messages
        inbox(script).messages = kept[:2]
        await p.sync()
        kept[2].flags = ("\\Flagged",)
        inbox(script).messages = kept
        await p.sync()
        assert [event.uids for event in p.recorder.of(MessagesReturned)] == ["3"]
        (changed,) = p.recorder.of(FlagsChanged)
        assert changed.changes == (FlagSet(uids="3", flags=("\\Flagged",)),)
        numbers = [event.sequence for event in p.recorder.of(FolderEvent)]
        assert numbers == sorted(set(numbers)), "of two with one number a reader drops the second"


async def test_mass_disappearance_is_believed_at_a_later_look(play):
    script = Script({b"INBOX": Mailbox(messages(100))})
    async with play(script, vanish_confirm=0) as p:
        await p.sync()
        inbox(script).expunge(*range(1, 81))
        assert (await p.sync()).exit_code == 0
        assert (await p.sync()).exit_code == 0
        assert [event.confirmed for event in p.recorder.of(MessagesVanished)] == [False, True]
        assert (p.report().vanished, p.report().missing) == (80, 0)


async def test_a_uid_that_comes_back_is_not_downloaded_again(play):
    script = Script({b"INBOX": Mailbox(messages(10))})
    async with play(script) as p:
        await p.sync()
        lost = inbox(script).messages.pop(3)
        await p.sync()
        inbox(script).messages.insert(3, lost)
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert p.report().vanished == 0
