"""A poller that slept while its account went to another, or was erased, brings nothing more of it."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from services.common.events import AccessAudited, AccountReported, MessageFetched
from services.common.secret import Secret
from services.poller.adapters import LeaseLost
from services.poller.tasks.account import sync_once
from services.poller.tasks.lease_rows import PostgresLeases
from tests.fakes.imap_model import PASSWORD, Action, Mailbox, Script, closes, messages, on
from tests.integration.poller.conftest import Play, inbox

gone = pytest.mark.parametrize(
    "gone", ["UPDATE leases SET token = token + 1", "DELETE FROM leases"], ids=["taken", "erased"]
)


async def sync_and_lose(p: Play, gone: str, name: str, asked: str = "", then: Action | None = None) -> None:
    """A sync under a lease that another takes, or that is no more, when this command comes."""
    token = PostgresLeases(p.engine).acquire(p.slug, "first-host:1:1", 60)

    def lose(command, reply):
        with p.engine.begin() as connection:
            connection.execute(text(f"{gone} WHERE account = :account"), {"account": p.slug})
        return then(command, reply) if then else None

    async def secret_of(_force):
        return Secret(PASSWORD), False

    p.server.script.hooks.append(on(name, lose, has=asked))
    work = p.work()
    with pytest.raises(LeaseLost):
        await sync_once(replace(work, ledger=work.ledger.fenced(p.slug, token)), secret_of, p.folder)


@gone
@pytest.mark.parametrize("size", [100, 1_500_000], ids=["small", "spooled"])
async def test_what_was_fetched_before_the_account_was_lost_is_not_published(play, size, gone):
    async with play(Script({b"INBOX": Mailbox(messages(3, size=size))})) as p:
        await sync_and_lose(p, gone, "UID FETCH", "BODY.PEEK[]")
        assert p.recorder.of(MessageFetched) == []
        assert list(p.folder.rglob("*.eml")) == []


@gone
async def test_what_was_seen_before_the_account_was_lost_is_not_told(play, gone):
    """Its numbers are above those of the one who has the account now, whose word would not count any more."""
    async with play(Script({b"INBOX": Mailbox(messages(10))})) as p:
        assert (await p.sync()).exit_code == 0
        before = len(p.recorder.events)
        inbox(p.server.script).messages[4].flags.add("\\Seen")
        inbox(p.server.script).expunge(3)
        await sync_and_lose(p, gone, "UID FETCH", "(UID FLAGS)")
        assert {type(event) for event in p.recorder.events[before:]} == {AccessAudited}


@gone
async def test_a_connection_that_ends_when_the_account_is_lost_is_no_news_of_it(play, gone):
    async with play(Script({b"INBOX": Mailbox(messages(3))}), attempts=1) as p:
        await sync_and_lose(p, gone, "EXAMINE", then=closes())
        assert p.recorder.of(AccountReported) == []
