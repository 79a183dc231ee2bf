"""A poller that slept while its account went to another, or was erased, brings nothing more of it."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from services.common.events import MessageFetched
from services.common.secret import Secret
from services.poller.account import sync_once
from services.poller.adapters import LeaseLost
from services.poller.leases import PostgresLeases
from tests.fakes.imap_model import PASSWORD, Mailbox, Script, messages, on


@pytest.mark.parametrize("size", [100, 1_500_000], ids=["small", "spooled"])
@pytest.mark.parametrize("gone", ["UPDATE leases SET token = token + 1", "DELETE FROM leases"], ids=["taken", "erased"])
async def test_what_was_fetched_before_the_account_was_lost_is_not_published(play, size, gone):
    script = Script({b"INBOX": Mailbox(messages(3, size=size))})
    async with play(script) as p:
        token = PostgresLeases(p.engine).acquire(p.slug, "first-host:1:1", 60)

        def lose(*_):
            with p.engine.begin() as connection:
                connection.execute(text(f"{gone} WHERE account = :account"), {"account": p.slug})

        script.hooks.append(on("UID FETCH", lose, has="BODY.PEEK[]"))
        work = p.work()
        work = replace(work, ledger=work.ledger.fenced(p.slug, token))

        async def secret_of(_force):
            return Secret(PASSWORD), False

        with pytest.raises(LeaseLost):
            await sync_once(work, secret_of, p.folder)
        assert p.recorder.of(MessageFetched) == []
        assert list(p.folder.rglob("*.eml")) == []
