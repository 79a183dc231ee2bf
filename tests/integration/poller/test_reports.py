"""What is told of an account: it replaces what is stored, and a database that is down costs no more than that."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from services.cli.sync_view import show
from services.common.accounts.expiry import expires_at
from services.common.accounts.store import open_accounts
from services.common.database import engine_for
from services.common.errors import Unavailable
from services.common.events import AccountReported
from services.poller.tasks.account import say_state
from tests.fakes.imap_model import Mailbox, Script, messages, on, says
from tests.integration.poller.conftest import inbox

FAR = int(datetime(2090, 1, 1, tzinfo=UTC).timestamp() * 1000)


def three() -> Script:
    return Script({b"INBOX": Mailbox(messages(3))})


async def test_a_report_replaces_one_from_before_the_clock_was_set_right(play, database):
    async with play(three()) as p:
        names = "account_id, state, signin, detail, advice, sequence"
        row = f"INSERT INTO account_status ({names}) VALUES (:a, 'backoff', 'tls', '', '', :n)"
        with database.begin() as connection:
            connection.execute(text(row), {"a": p.slug, "n": FAR})
        assert (await p.sync()).exit_code == 0
        numbers = [event.sequence for event in p.recorder.of(AccountReported)]
        assert numbers == sorted(numbers)
        assert numbers[0] > FAR


async def test_a_database_that_is_down_keeps_a_report_back_and_stops_nothing(play, tmp_path):
    away = open_accounts(engine_for(f"postgresql://nobody@/postgres?host={tmp_path}"), tmp_path, {})
    async with play(three()) as p:
        work = p.work()
        with pytest.raises(Unavailable, match="Postgres does not answer"):
            expires_at(work.account, away)
        await say_state(replace(work, ends_at=lambda: expires_at(work.account, away)), "backoff", "unknown")
        assert p.recorder.of(AccountReported) == []
        await say_state(work, "backoff", "unknown")
        assert len(p.recorder.of(AccountReported)) == 1


@pytest.mark.parametrize("capabilities", [("IMAP4rev1",), ("IMAP4rev1", "LIST-EXTENDED", "LIST-STATUS", "CONDSTORE")])
async def test_the_summary_tells_of_folders_that_could_not_be_read(play, capsys, capabilities):
    script = Script({b"INBOX": Mailbox(messages(2)), b"Work": Mailbox(messages(3), uidvalidity=5)})
    script.capabilities = capabilities
    async with play(script) as p:
        show([await p.sync()], as_json=False)
        assert f"{p.slug}: 2 folders, 5 messages listed, 0 missing, 0 in quarantine" in capsys.readouterr().out
        script.hooks.append(on("EXAMINE", says("NO [UNAVAILABLE] later"), has="INBOX"))
        inbox(script).deliver(b"Subject: new\r\n\r\nnew\r\n")
        show([await p.sync()], as_json=False)
        assert f"{p.slug}: 1 of 2 folders read, 3 messages listed, 0 missing, 0 in quar" in capsys.readouterr().out
