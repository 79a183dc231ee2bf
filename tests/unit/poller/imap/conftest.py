import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.poller.imap.model import Credentials, Endpoint, Limits
from services.poller.imap.session import Session
from tests.fakes.imap_model import PASSWORD, Script
from tests.fakes.imap_server import Server, serve

PATIENT = Limits(connect_timeout=60.0, command_timeout=60.0)
QUICK = Limits(connect_timeout=3.0, command_timeout=1.0)  # where silence is to be noticed
USER = Credentials("user@example.com", PASSWORD)


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[tuple[Session, Server]]]:
    """``async with play(script) as (session, server)``: a connected session, signed in unless ``user`` is None."""

    @contextlib.asynccontextmanager
    async def start(
        script: Script, *, user: Credentials | None = USER, limits: Limits = PATIENT, legacy: bool = False
    ) -> AsyncIterator[tuple[Session, Server]]:
        async with serve(script, tmp_path) as server:
            endpoint = Endpoint("localhost", server.port, script.tls, server.ca_file, legacy_tls=legacy)
            session = await Session.open(endpoint, limits)
            try:
                if user is not None:
                    await session.sign_in(user)
                yield session, server
                assert server.forbidden() == []
            finally:
                session.close()

    return start
