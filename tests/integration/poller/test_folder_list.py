"""A folder list that is not what it was: cut short, refused, in other letters, under another parent."""

import pytest
from sqlalchemy import text

from services.common.events import FolderGone, FolderRenamed
from tests.fakes.imap_model import Mailbox, Message, Script, changes, closes, messages, on, sample, says
from tests.integration.poller.conftest import Play, inbox


def three() -> Script:
    boxes = {wire: Mailbox(messages(2), uidvalidity=n) for n, wire in enumerate((b"INBOX", b"Work", b"Private"), 3)}
    return Script(boxes)


def without(name: bytes, times: int):
    return on("LIST", changes(lambda chunk: b"" if name in chunk else chunk), times=times)


def absent_for(p: Play, minutes: int) -> None:
    """Pretend that a folder is missing for so long already."""
    change = "UPDATE folders SET absent_since = absent_since - make_interval(mins => :minutes) WHERE account = :account"
    with p.engine.begin() as connection:
        connection.execute(text(change), {"account": p.slug, "minutes": minutes})


async def test_a_list_that_is_short_for_some_minutes_costs_no_folder(play):
    script = three()
    async with play(script) as p:
        await p.sync()
        script.hooks += [without(b"Work", 4), on("EXAMINE", closes("* BYE trouble"), times=1)]
        for _ in range(3):
            assert (await p.sync()).exit_code == 0
        assert p.folders()["Work"] == "absent"
        assert (await p.sync()).exit_code == 0
        assert p.folders()["Work"] == "active"
        assert p.recorder.of(FolderGone) == []
        assert p.complete()


async def test_a_folder_that_stays_away_is_gone(play):
    script = three()
    async with play(script) as p:
        await p.sync()
        script.hooks.append(without(b"Work", 9))
        await p.sync()
        absent_for(p, 11)
        assert (await p.sync()).exit_code == 0
        assert [event.folder for event in p.recorder.of(FolderGone)] == ["Work"]


async def test_a_refused_list_is_no_slip_of_the_pen(play):
    script = three()
    chosen = {"include": ("Work",)}
    async with play(script, {"given": chosen}, **chosen) as p:
        await p.sync()
        script.hooks.append(on("LIST", says("NO [UNAVAILABLE] later")))
        script.mailboxes[b"Work"].deliver(sample(9))
        result = await p.sync()
        assert (result.exit_code, "LIST" in result.failure) == (3, True)
        assert {place[0] for place in p.stored} == {"Work"}
        assert ("Work", 4, 3) in p.stored


async def test_a_refused_list_opens_no_folder_that_was_excluded_since(play):
    script = three()
    async with play(script) as p:
        await p.sync()
        script.hooks.append(on("LIST", says("NO [UNAVAILABLE] later")))
        before = len(p.server.commands("EXAMINE"))
        assert (await p.sync(exclude=("Private",))).exit_code == 3
        opened = p.server.commands("EXAMINE")[before:]
        assert any("Work" in line for line in opened)
        assert not any("Private" in line for line in opened)


async def test_inbox_in_other_letters_is_the_same_folder(play):
    script = Script({b"INBOX": Mailbox()})
    async with play(script) as p:
        for wire in (b"INBOX", b"Inbox", b"INBOX", b"inbox"):
            box = next(iter(script.mailboxes.values()))
            box.deliver(sample(len(box.messages)))
            script.mailboxes = {wire: box}
            assert (await p.sync()).exit_code == 0
        assert p.recorder.of(FolderGone) == p.recorder.of(FolderRenamed) == []
        assert p.folders() == {"INBOX": "active"}
        assert p.complete()


@pytest.mark.parametrize("one_for_all", [False, True])
async def test_a_renamed_parent_takes_its_folders_along_for_few_commands(play, one_for_all):
    count, script = 25, Script({b"INBOX": Mailbox(messages(2))})
    for n in range(count):
        box = Mailbox([Message(uid, sample(1000 * n + uid)) for uid in (1, 2)], uidvalidity=5 if one_for_all else n + 5)
        script.mailboxes[b"Old/%d" % n] = box
    async with play(script) as p:
        await p.sync()
        inbox(script).deliver(sample(9))
        for n in range(count):
            script.mailboxes[b"New/%d" % n] = script.mailboxes.pop(b"Old/%d" % n)
        before = len(p.server.record)
        assert (await p.sync()).exit_code == 0
        assert len(p.server.record) - before < 6 * count
        assert len(p.recorder.of(FolderRenamed)) == count
        assert set(p.recorder.times.values()) == {1}


async def test_nil_in_place_of_attributes_is_none(play):
    script = three()
    script.hooks.append(on("LIST", changes(lambda chunk: chunk.replace(b"LIST ()", b"LIST NIL"))))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
