"""Scenario 15 and supervision: IDLE as a hint, polling, changes by the owner, leases, a clean stop."""

import asyncio
import time

import pytest
from sqlalchemy import text

from services.common.clock import SystemClock
from services.common.database import fault_named
from services.common.errors import Incomplete, Unavailable
from services.common.events import AccountReported, FolderCreated
from services.common.secret import Secret
from services.poller.adapters import LeaseLost, PostgresLedger
from services.poller.domain.state import FolderRecord
from services.poller.fetching import checkpoint
from services.poller.tasks.lease import leased
from services.poller.tasks.lease_rows import PostgresLeases
from tests.fakes.imap_model import PASSWORD, Mailbox, Message, Script, adds, closes, messages, on, sample, says
from tests.integration.poller.conftest import Recorder, inbox
from tests.integration.poller.watching import IDLE, watched
from tests.polling import until_meanwhile as until


async def test_idle_tells_of_new_mail_at_once(play):
    script = Script({b"INBOX": Mailbox(messages(5))}, capabilities=IDLE)
    async with play(script, poll_interval=60) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] > 0)
        inbox(script).deliver(sample(50))
        started = time.monotonic()
        await until(lambda: len(p.stored) == 6)
        assert time.monotonic() - started < 20  # polling would take 60
        assert p.complete()
        assert p.server.connections == 1


@pytest.mark.parametrize("capabilities", [IDLE, ("IMAP4rev1",)])
async def test_other_folders_are_polled_on_the_kept_connection(play, capabilities):
    script = Script(
        {b"INBOX": Mailbox(messages(1)), b"Work": Mailbox(messages(1), uidvalidity=3)}, capabilities=capabilities
    )
    async with play(script, poll_interval=0.1) as p, watched(p):
        await until(lambda: len(p.stored) == 2)
        script.mailboxes[b"Work"].deliver(sample(9))
        await until(lambda: len(p.stored) == 3)
        assert p.server.connections == 1
        assert p.complete()


@pytest.mark.parametrize(
    "hook",
    [
        on("IDLE", says("BAD no idle"), times=1),
        on("IDLE", says("NO not now"), times=1),
        on("IDLE", closes("* BYE idle too long"), times=2),
        on("IDLE", adds("* 7 EXISTS", first=False), times=1),
        on("DONE", closes(), times=1),
    ],
)
async def test_idle_that_goes_wrong(play, hook):
    script = Script({b"INBOX": Mailbox(messages(5))}, capabilities=IDLE, hooks=[hook])
    async with play(script, poll_interval=0.2) as p, watched(p):
        await until(lambda: p.server.counts["IDLE"] > 0)
        inbox(script).deliver(sample(50))
        await until(lambda: len(p.stored) == 6)
        assert p.complete()


async def test_a_lost_connection_is_replaced(play):
    script = Script({b"INBOX": Mailbox(messages(5))})
    script.hooks.append(on("NOOP", closes("* BYE session expired"), times=1))
    async with play(script, poll_interval=0.1) as p, watched(p):
        await until(lambda: p.server.connections == 2)
        inbox(script).deliver(sample(50))
        await until(lambda: len(p.stored) == 6)


async def test_a_refusal_of_every_folder_for_want_of_id_is_told(play):
    script = Script({b"INBOX": Mailbox(messages(1))}, capabilities=("IMAP4rev1", "ID"))
    script.hooks.append(on("EXAMINE", says("NO EXAMINE Unsafe Login. Please contact kefu@188.com for help")))
    async with play(script) as p, watched(p):
        await until(lambda: len(p.recorder.of(AccountReported)) > 0)
        assert p.signin() == "configuration"


class Unreached(Recorder):
    """A publisher behind which Kafka is away while ``down``."""

    down = True

    async def publish(self, events):
        if self.down:
            raise Unavailable("Kafka is away")
        await super().publish(events)


async def test_health_is_red_while_mail_cannot_be_passed_on_and_not_for_a_server_that_is_away(play):
    script = Script({b"INBOX": Mailbox(messages(3))})
    async with play(script, poll_interval=0.1) as p:
        p.recorder = Unreached()
        async with watched(p) as ports:
            await until(lambda: ports.health.reason == "Kafka is away")
            p.recorder.down = False
            await until(lambda: len(p.stored) == 3)
            await until(lambda: ports.health.state == "green")
            script.hooks.append(on("NOOP", closes()))
            await until(lambda: any(event.signin == "network" for event in p.recorder.of(AccountReported)))
            assert ports.health.state == "green"


async def test_health_is_green_when_an_account_that_waits_is_paused(play):
    async with play(Script({b"INBOX": Mailbox(messages(1))})) as p:
        p.recorder = Unreached()
        async with watched(p) as ports:
            await until(lambda: ports.health.state == "red")
            await asyncio.to_thread(ports.accounts.set_state, p.slug, "paused")
            await until(lambda: ports.health.state == "green")


async def test_a_pause_counts_though_the_last_write_fails(play, monkeypatch):
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)  # what is published after the first write waits for the last one
    refused, script = [], Script({b"INBOX": Mailbox(messages(100, size=5000))})
    script.hooks.append(on("UID FETCH", lambda _c, r: setattr(r, "pace", (500, 0.01)), has="BODY.PEEK[]"))

    def away(*given):
        refused.append(given)
        raise Unavailable("Postgres is away")

    async with play(script, poll_interval=0.1, batch_messages=2) as p, watched(p) as ports:
        await until(lambda: len(p.stored) > 8)
        monkeypatch.setattr(PostgresLedger, "add_published", away)
        await asyncio.to_thread(ports.accounts.set_state, p.slug, "paused")
        await until(lambda: p.slug not in {task.get_name() for task in asyncio.all_tasks()})
        assert len(refused) == 1


async def test_new_folder_is_found(play):
    script = Script({b"INBOX": Mailbox(messages(1))})
    async with play(script, poll_interval=0.1, list_interval=0.1) as p, watched(p):
        await until(lambda: len(p.stored) == 1)
        script.mailboxes[b"Later"] = Mailbox(messages(2), uidvalidity=9)
        await until(lambda: len(p.stored) == 3)
        assert {event.folder for event in p.recorder.of(FolderCreated)} == {"INBOX", "Later"}


async def test_a_changed_secret_counts_within_two_seconds(play):
    script = Script({b"INBOX": Mailbox(messages(2))})
    async with play(script, poll_interval=0.1) as p, watched(p, secret="wrong", backoff_base=5) as ports:
        await until(lambda: any(e.signin == "credential" for e in p.recorder.of(AccountReported)))
        assert p.recorder.of(AccountReported)[-1].state == "attention"
        started = time.monotonic()
        await asyncio.to_thread(ports.accounts.put_secret, p.slug, "password", Secret(PASSWORD))
        await until(lambda: len(p.stored) == 2)
        assert time.monotonic() - started < 10
        assert len(p.server.commands("LOGIN")) == 2


async def test_paused_account_stops_within_two_seconds(play):
    script = Script({b"INBOX": Mailbox(messages(2))})
    async with play(script, poll_interval=0.1) as p, watched(p) as ports:
        await until(lambda: len(p.stored) == 2)
        await asyncio.to_thread(ports.accounts.set_state, p.slug, "paused")
        await until(lambda: p.server.open_now == 0)


async def test_stops_cleanly_in_the_middle_of_a_fetch(play):
    script = Script({b"INBOX": Mailbox(messages(300, size=5000))})
    script.hooks.append(on("UID FETCH", lambda _c, r: setattr(r, "pace", (2000, 0.01)), has="BODY.PEEK[]"))
    async with play(script, poll_interval=0.1, batch_messages=20) as p:
        async with watched(p):
            await until(lambda: len(p.stored) >= 20)
            started = time.monotonic()
        assert time.monotonic() - started < 10
        assert len(p.stored) < 300
        script.hooks.clear()
        assert (await p.sync()).exit_code == 0
        assert p.stored.keys() == {("INBOX", 1_700_000_000, uid) for uid in range(1, 301)}


async def test_one_account_is_never_worked_on_twice(play):
    script = Script({b"INBOX": Mailbox(messages(1))})
    async with play(script) as p:
        leases, ledger, clock = PostgresLeases(p.engine), PostgresLedger(p.engine), SystemClock()
        async with leased(leases, ledger, p.slug, clock) as mine:
            assert leases.acquire(p.slug, "other-host:1:1", 60) is None
            record = FolderRecord(id=p.slug, account=p.slug, wire=b"x", name="x")
            mine.save_folder(record)
            with p.engine.begin() as connection:
                connection.execute(text("UPDATE leases SET owner = 'other-host:1:1', token = token + 1"))
            with pytest.raises(LeaseLost):
                mine.save_folder(record)
        with pytest.raises(Incomplete):
            async with leased(leases, ledger, p.slug, clock):
                pass


async def test_a_truly_empty_message_is_stored_after_a_second_connection(play):
    script = Script({b"INBOX": Mailbox([*messages(2), Message(3, b"", size=0)])}, capabilities=IDLE)
    async with play(script, poll_interval=60) as p, watched(p):
        await until(lambda: len(p.stored) == 3)
        assert p.complete()
        assert p.server.connections == 2


async def test_a_process_paused_inside_a_write_does_not_hold_the_lease(play):
    async with play(Script()) as p:
        leases = PostgresLeases(p.engine)
        token = leases.acquire(p.slug, "first-host:1:1", 0)
        fenced = PostgresLedger(p.engine).fenced(p.slug, token)
        with p.engine.connect() as paused:
            assert paused.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
            fenced._fence(paused)
            paused.execute(text("SET LOCAL idle_in_transaction_session_timeout = 200"))
            taken = await asyncio.to_thread(leases.acquire, p.slug, "other-host:1:1", 60)
            assert taken == token + 1
            with pytest.raises(Unavailable), fault_named():
                paused.execute(text("SELECT 1"))
            paused.invalidate()


async def test_a_lease_taken_before_the_clock_went_back_is_not_waited_for_longer_than_any_other(play):
    async with play(Script()) as p:
        leases = PostgresLeases(p.engine)
        token = leases.acquire(p.slug, "first-host:1:1", 60)
        left = text("SELECT expires_at - clock_timestamp() FROM leases WHERE account = :account")
        with p.engine.begin() as connection:
            later = "UPDATE leases SET expires_at = expires_at + interval '1 day' WHERE account = :account"
            connection.execute(text(later), {"account": p.slug})
        assert leases.acquire(p.slug, "other-host:1:1", 60) is None
        with p.engine.connect() as connection:
            assert connection.scalar(left, {"account": p.slug}).total_seconds() <= 60
        assert leases.acquire(p.slug, "first-host:1:1", 60) == token
        leases.release(p.slug, "first-host:1:1")
        assert leases.acquire(p.slug, "other-host:1:1", 60) == token + 1


async def test_who_had_an_account_before_it_was_erased_writes_nothing_to_its_successor(play):
    async with play(Script()) as p:
        leases = PostgresLeases(p.engine)
        fenced = PostgresLedger(p.engine).fenced(p.slug, leases.acquire(p.slug, "first-host:1:1", 60))
        leases.forget(p.slug)
        assert leases.acquire(p.slug, "other-host:1:1", 60)
        with pytest.raises(LeaseLost):
            fenced.forget_habit(p.slug, "late")
