"""NOTIFY as Dovecot has it: names in UTF-8 where the list has modified UTF-7, and all of it beside IDLE."""

import asyncio
import contextlib
import random
from types import SimpleNamespace
from uuid import uuid4

import pytest

from services.common.events import AccountReported, FlagsChanged, MessageFetched
from tests.dovecot_server import running, signed_in
from tests.fakes.imap_model import PASSWORD, folder, sample
from tests.integration.poller.conftest import Recorder
from tests.integration.poller.watching import watched
from tests.polling import until_meanwhile as until

SOON, NEVER = 20, 3600  # seconds: far less than from one poll to the next
USER, FOLDERS = "user@example.com", ("INBOX", "Lists", "合同/2026", "R&D")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("dovecot"), USER, PASSWORD) as started:
        yield started


@pytest.fixture
def client(server):
    """Somebody else who is signed in: appends, marks, deletes."""
    with signed_in(server) as made:
        for name in FOLDERS[1:]:
            made.create(wire(name))
        yield made


def wire(name: str) -> str:
    return f'"{folder(name).decode()}"'


@contextlib.asynccontextmanager
async def watching(server, database, tmp_path):
    """What is told of the mailbox while it is watched, from when all that was there is stored."""
    at = SimpleNamespace(port=server.implicit, ca_file=server.ca_file)
    slug, recorder = f"a{uuid4().hex[:12]}", Recorder()
    play = SimpleNamespace(engine=database, folder=tmp_path, server=at, settings={}, recorder=recorder, slug=slug)
    async with watched(play, poll_interval=NEVER, list_interval=NEVER):
        await until(lambda: [event.state for event in recorder.of(AccountReported)] == ["active"])
        yield recorder


async def append(client, name: str, *numbers: int) -> None:
    for number in numbers:
        await asyncio.to_thread(client.append, wire(name), "", "", sample(number))


def subjects(recorder: Recorder, name: str) -> set[bytes]:
    """Of the mail of a folder that was stored."""
    fetched = [event for event in recorder.of(MessageFetched) if event.place.folder == name]
    return {event.body.split(b"Subject: ")[1].split(b"\r\n")[0] for event in fetched}


async def test_mail_in_any_folder_is_there_at_once(server, client, database, tmp_path):
    async with watching(server, database, tmp_path) as recorder:
        for number, name in enumerate((*FOLDERS, *FOLDERS[::-1]), 100):
            await append(client, name, number)
            await until(lambda name=name, number=number: b"Message %d" % number in subjects(recorder, name), SOON)
        assert set(recorder.times.values()) == {1}


async def test_mail_in_a_folder_that_was_made_just_now_is_there_at_once(server, client, database, tmp_path):
    async with watching(server, database, tmp_path) as recorder:
        await asyncio.to_thread(client.create, wire("新的"))
        await append(client, "新的", 300)
        await until(lambda: subjects(recorder, "新的"), SOON)
        await asyncio.to_thread(client.rename, wire("新的"), wire("旧的"))
        await append(client, "旧的", 301)
        await until(lambda: b"Message 301" in subjects(recorder, "旧的"), SOON)


async def test_a_storm_in_all_folders_is_stored_whole(server, client, database, tmp_path):
    async with watching(server, database, tmp_path) as recorder:
        chosen = [(random.Random(number).choice(FOLDERS), number) for number in range(400, 480)]
        for name, number in chosen:
            await append(client, name, number)
        for name, number in chosen:
            await until(lambda name=name, number=number: b"Message %d" % number in subjects(recorder, name), SOON)
        assert set(recorder.times.values()) == {1}


async def test_the_open_folder_is_told_of_as_before_and_nothing_is_marked(server, client, database, tmp_path):
    async with watching(server, database, tmp_path) as recorder:
        await append(client, "INBOX", 500)
        await append(client, "Lists", 501)
        await until(lambda: b"Message 500" in subjects(recorder, "INBOX"), SOON)
        await until(lambda: b"Message 501" in subjects(recorder, "Lists"), SOON)
        await asyncio.to_thread(client.select, "INBOX")
        await asyncio.to_thread(client.store, "1:*", "+FLAGS", "(\\Flagged)")
        await until(lambda: [event for event in recorder.of(FlagsChanged) if event.folder == "INBOX"], SOON)
        for name in FOLDERS:
            await asyncio.to_thread(client.select, wire(name), True)
            answer = await asyncio.to_thread(client.search, None, "SEEN")
            assert answer == ("OK", [b""])
