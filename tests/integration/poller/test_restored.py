"""A mailbox brought back from a backup: UIDVALIDITY stays, and UIDs that were used are given to other mail."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import pytest

from services.common.events import FolderGone, MessageFetched, PlaceRelinked
from services.poller.adapters import PostgresContents
from services.storer.tables import email_places
from tests.fakes.imap_model import Mailbox, Message, Script, changes, messages, on, sample
from tests.integration.poller.conftest import Play, inbox, on_server
from tests.integration.poller.watching import watched
from tests.polling import until_meanwhile as until

COUNT, OLD_STATE = 60, 20


class Stored:
    """What the storer would have by place: of a folder by its id, as a folder that took its name has nothing yet."""

    def __init__(self, p: Play) -> None:
        self.p = p

    def known(self, _account: str, _folder: str, _ids: Sequence[str]) -> Mapping[tuple[str, datetime, int], str]:
        return {}

    def at(self, folder: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, str]:
        told = [event for event in self.p.recorder.events if isinstance(event, MessageFetched | PlaceRelinked)]
        here = [event for event in told if (event.place.folderid, event.place.uidvalidity) == (folder, uidvalidity)]
        return {event.place.uid: event.contentsha256 for event in here if event.place.uid in uids}


def bring_back(script: Script, kept: int) -> list[Message]:
    """All that was there before."""
    everything = inbox(script).messages
    inbox(script).messages = everything[:kept]
    return everything


@asynccontextmanager
async def brought_back(
    play: Callable[..., AbstractAsyncContextManager[Play]], kept: int
) -> AsyncIterator[tuple[Play, list[Message]]]:
    """A mailbox that was synced before the old backup was put in its place and after; with what it had before."""
    script = Script({b"INBOX": Mailbox(messages(COUNT), uidnext=COUNT + 1)})
    async with play(script) as p:
        p.contents = Stored(p)
        await p.sync()
        everything = bring_back(script, kept)
        assert (await p.sync()).exit_code == 0
        yield p, everything


def new_mail(script: Script) -> None:
    for number in (777, 778):
        inbox(script).deliver(sample(number))


@pytest.mark.parametrize("kept", [COUNT - 5, OLD_STATE])
@pytest.mark.parametrize("seen_in_between", [True, False])
async def test_new_mail_with_used_uids_is_fetched(play, kept, seen_in_between):
    script = Script({b"INBOX": Mailbox(messages(COUNT))})
    async with play(script) as p:
        p.contents = Stored(p)
        await p.sync()
        assert len(p.stored) == COUNT
        bring_back(script, kept)
        if seen_in_between:
            assert (await p.sync()).exit_code == 0
        new_mail(script)
        assert (await p.sync()).exit_code == 0
        assert on_server(script).items() <= p.stored.items()
        assert len(p.recorder.of(FolderGone)) == 1


@pytest.mark.parametrize("kept", [COUNT - 5, OLD_STATE])
async def test_new_mail_with_used_uids_is_fetched_while_it_is_watched(play, kept):
    script = Script({b"INBOX": Mailbox(messages(COUNT))})
    async with play(script, poll_interval=0.1) as p, watched(p, contents=Stored(p)):
        await until(lambda: len(p.stored) == COUNT)
        bring_back(script, kept)
        looks = p.server.counts["NOOP"]
        await until(lambda: p.server.counts["NOOP"] > looks + 3)
        new_mail(script)
        wanted = on_server(script)
        await until(lambda: wanted.items() <= p.stored.items(), 30)


@pytest.mark.parametrize("kept", [COUNT - 5, OLD_STATE])
async def test_the_same_mail_that_comes_back_is_not_fetched_again(play, kept):
    async with brought_back(play, kept) as (p, everything):
        inbox(p.server.script).messages = everything
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert p.recorder.of(FolderGone) == []


@pytest.mark.parametrize("sent", ["NIL", "{0}\r\n", None])
async def test_a_server_in_trouble_that_shows_mail_again_without_its_text_has_no_other_mail(play, sent):
    """RFC 2180 section 4.1: NIL or nothing for what it cannot read now."""

    def trouble(chunk: bytes) -> bytes:
        start, found, _ = chunk.partition(b"BODY[] ")
        if not found:
            return chunk
        return b"" if sent is None else start + found + sent.encode() + b")\r\n"

    async with brought_back(play, OLD_STATE) as (p, everything):
        inbox(p.server.script).messages = everything[: OLD_STATE + 7]
        p.server.script.hooks.append(on("UID FETCH", changes(trouble), has="BODY.PEEK[]"))
        await p.sync()
        assert p.recorder.of(FolderGone) == []


def other_mail(count: int) -> list[Message]:
    return [Message(uid, sample(500 + uid)) for uid in range(1, count + 1)]


async def test_a_uidvalidity_that_returns_with_other_mail_is_another_folder(play):
    script = Script({b"INBOX": Mailbox(messages(10))})
    async with play(script) as p:
        p.contents = Stored(p)
        await p.sync()
        first = inbox(script).uidvalidity
        for value, mail in ((first + 1, messages(3, first=70)), (first, other_mail(5))):
            inbox(script).uidvalidity, inbox(script).messages = value, mail
            assert (await p.sync()).exit_code == 0
        assert on_server(script).items() <= p.stored.items()


@pytest.mark.parametrize("absent", [True, False])
async def test_a_folder_with_other_mail_and_the_same_numbers_is_noticed_while_it_is_watched(play, absent):
    boxes = {b"INBOX": Mailbox(messages(2)), b"Work": Mailbox(messages(30), uidvalidity=5)}
    script = Script(boxes)
    interval = {"full_pass_interval": 3600 if absent else 1}
    async with play(script, poll_interval=0.1, list_interval=0.1, **interval) as p, watched(p):
        await until(lambda: len(p.stored) == 32)
        if absent:
            del boxes[b"Work"]
            await until(lambda: p.folders()["Work"] == "absent")
        boxes[b"Work"] = Mailbox(other_mail(40), uidvalidity=5)
        wanted = on_server(script)
        await until(lambda: wanted.items() <= p.stored.items(), 30)


def test_what_is_stored_is_told_by_place(database):
    place = {"folder_id": "f1", "uidvalidity": 7, "account_id": "a", "folder": "INBOX", "flags": []}
    with database.begin() as connection:
        rows = [place | {"uid": uid, "content_sha256": f"{uid:064x}"} for uid in (3, 4, 9)]
        connection.execute(email_places.insert(), [*rows, rows[0] | {"uidvalidity": 8}, rows[0] | {"folder_id": "f2"}])
    contents = PostgresContents(database)
    assert contents.at("f1", 7, [2, 3, 9]) == {3: f"{3:064x}", 9: f"{9:064x}"}
    assert contents.at("f1", 6, [3]) == {}
    with database.begin() as connection:
        connection.execute(email_places.delete().where(email_places.c.account_id == "a"))
