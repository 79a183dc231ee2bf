"""The session against pymap, a second opinion: the demo's server and its sample mailbox."""

import pytest

from services.cli import demo_server
from services.poller.domain.uidset import UidSet
from services.poller.imap.model import Credentials, Endpoint, Limits
from services.poller.imap.session import Session


@pytest.fixture
def server(tmp_path):
    with demo_server.running(tmp_path) as running:
        yield running


async def test_every_folder_of_the_demo_is_listed_and_fetched(server):
    endpoint = Endpoint(server.host, server.port, "starttls", server.ca_file)
    session = await Session.open(endpoint, Limits())
    await session.sign_in(Credentials(server.user, server.password_file.read_text()))
    total = 0
    for folder in await session.list_folders(status=True):
        opened = await session.examine(folder.wire)
        listed = UidSet.of([x.uid async for x in session.fetch_listing(UidSet.range(1, (opened.uidnext or 1) - 1))])
        bodies = {x.uid: x async for x in session.fetch_bodies(listed)}
        assert UidSet.of(bodies) == listed
        assert len(listed) == opened.exists
        assert all(isinstance(x.body, bytes) and x.listing.size == x.length for x in bodies.values())
        total += len(bodies)
    assert total >= 240
    await session.logout()
