"""The session against a real Dovecot, rich and plain: same content, same UIDs."""

import asyncio
import dataclasses

import pytest

from services.poller.domain.uidset import UidSet
from services.poller.imap.errors import CredentialRefused, FolderGone
from services.poller.imap.model import Credentials, Endpoint, Limits, Spooled
from services.poller.imap.session import Session
from tests.dovecot_server import PASSWORD, USER, running
from tests.fakes.imap_model import folder, sample

GOOD = Credentials(USER, PASSWORD)
COUNT = 120


@pytest.fixture(scope="module", params=[False, True], ids=["rich", "plain"])
def server(request, tmp_path_factory):
    with running(tmp_path_factory.mktemp("dovecot"), plain=request.param) as started:
        for number in range(1, COUNT + 1):
            started.deliver(sample(number, 2000), f"{number:05}.a")
        started.deliver(sample(1, 5_000_000), "99999.big", "大邮件")
        yield started


async def opened(server, tls="implicit") -> Session:
    port = server.implicit if tls == "implicit" else server.starttls
    session = await Session.open(Endpoint("localhost", port, tls, server.ca_file), Limits())
    await session.sign_in(GOOD)
    return session


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_everything_arrives_exactly(server, tls):
    session = await opened(server, tls)
    assert (await session.identify({"name": "Mailweir"})).accepted
    names = {f.name: f for f in await session.list_folders(status=True)}
    assert names["Sent"].special_use == "\\Sent"
    assert "大邮件" in names
    state = await session.examine(names["INBOX"].wire, condstore=True)
    assert (state.exists, state.read_only, state.uidnext) == (COUNT, True, COUNT + 1)
    every = UidSet.range(1, COUNT)
    listed = {x.uid: x async for x in session.fetch_listing(every, ("FLAGS", "INTERNALDATE", "RFC822.SIZE"))}
    got = {x.uid: x async for x in session.fetch_bodies(every)}
    assert sorted(x.body for x in got.values()) == sorted(sample(n, 2000) for n in range(1, COUNT + 1))
    assert {uid: x.listing.size for uid, x in got.items()} == {uid: x.size for uid, x in listed.items()}
    assert await session.search_all() == every
    assert await session.highest_uid() == COUNT
    again = [x async for x in session.fetch_listing(every)]
    assert not any("\\Seen" in (x.flags or ()) for x in again)
    await session.unselect()
    await session.logout()


async def test_big_message_whole_and_in_pieces(server, tmp_path):
    session = await opened(server)
    await session.examine(folder("大邮件"))
    (found,) = [x async for x in session.fetch_bodies(UidSet.of([1]))]
    assert isinstance(found.body, Spooled)
    assert found.body.path.read_bytes() == sample(1, 5_000_000)
    found.body.path.unlink()
    pieces = [await session.fetch_piece(1, offset, 1 << 20) or b"" for offset in range(0, 6 << 20, 1 << 20)]
    assert b"".join(pieces) == sample(1, 5_000_000)
    await session.logout()


async def test_wrong_password_and_missing_folder(server):
    session = await Session.open(Endpoint("localhost", server.implicit, ca_file=server.ca_file), Limits())
    with pytest.raises(CredentialRefused):
        await session.sign_in(dataclasses.replace(GOOD, secret="wrong"))
    await session.sign_in(GOOD)
    with pytest.raises(FolderGone):
        await session.examine(b"nowhere")
    with pytest.raises(FolderGone):
        await session.status(b"nowhere")
    await session.logout()


async def test_new_mail_ends_idle_or_shows_by_noop(server):
    session = await opened(server)
    state = await session.examine(folder("大邮件"))
    if session.has("IDLE"):
        waiting = asyncio.ensure_future(session.idle(60))
        await asyncio.sleep(0.3)
        server.deliver(b"Subject: new\r\n\r\nnew\r\n", "99999.new", "大邮件")
        events = await waiting
    else:
        server.deliver(b"Subject: new\r\n\r\nnew\r\n", "99999.new", "大邮件")
        events = await session.noop()
    assert events.exists == state.exists + 1
    await session.logout()


async def test_qresync_where_it_is_offered(server):
    session = await opened(server)
    enabled = await session.enable("QRESYNC")
    assert enabled == ({"QRESYNC"} if session.has("QRESYNC") else set())
    if enabled:
        await session.examine(b"INBOX")
        assert [x async for x in session.fetch_changed(UidSet.range(1, COUNT), 0)] != []
    await session.logout()
