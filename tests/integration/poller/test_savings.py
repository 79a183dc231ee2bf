"""What is not asked for: unchanged folders, more than a day's budget, bodies that are known."""

import re
import time
from itertools import pairwise

import pytest
from sqlalchemy import text

from services.common.completeness import folders_of
from services.common.events import MessageFetched, PlaceRelinked, SyncReported, UidValidityChanged
from tests.fakes.imap_model import Command, Mailbox, Reply, Script, messages, on, sample
from tests.integration.poller.conftest import inbox, on_server
from tests.integration.poller.watching import watched
from tests.polling import until_meanwhile as until

RICH = ("IMAP4rev1", "LIST-EXTENDED", "LIST-STATUS", "CONDSTORE")


async def test_a_hundred_unchanged_folders_cost_one_round_trip_and_inbox_another(play):
    boxes = {f"F{n}".encode(): Mailbox(messages(2), uidvalidity=n + 1) for n in range(100)}
    script = Script({b"INBOX": Mailbox(messages(1)), **boxes}, capabilities=RICH)
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        before = len(p.server.record)
        result = await p.sync()
        assert [line.split()[0] for _, line in p.server.record[before:]] == [
            "CAPABILITY",
            "LOGIN",
            "CAPABILITY",
            "LIST",
            "EXAMINE",
            "LOGOUT",
        ]
        assert (result.exit_code, sum(outcome.published for outcome in result.outcomes)) == (0, 201)


async def test_one_changed_folder_among_many_is_the_only_one_opened_beside_inbox(play):
    boxes = {f"F{n}".encode(): Mailbox(messages(2), uidvalidity=n + 1) for n in range(5)}
    script = Script({b"INBOX": Mailbox(messages(1)), **boxes}, capabilities=RICH)
    async with play(script) as p:
        await p.sync()
        before = len(p.server.commands("EXAMINE"))
        script.mailboxes[b"F3"].deliver(b"Subject: new\r\n\r\nnew\r\n")
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert p.server.commands("EXAMINE")[before:] == ['EXAMINE "INBOX" (CONDSTORE)', 'EXAMINE "F3" (CONDSTORE)']


async def test_polls_between_two_looks_at_the_list_open_no_folder_that_is_unchanged(play):
    boxes = {f"F{n}".encode(): Mailbox(messages(2), uidvalidity=n + 1) for n in range(5)}
    script = Script({b"INBOX": Mailbox(messages(1)), **boxes}, capabilities=RICH)
    async with play(script, poll_interval=0.1, list_interval=300) as p:
        await p.sync()
        before = len(p.server.record)
        async with watched(p):
            await until(lambda: sum("LIST" in line for _, line in p.server.record[before:]) > 3, 30)
            script.mailboxes[b"F3"].deliver(b"Subject: new\r\n\r\nnew\r\n")
            await until(lambda: p.stored == on_server(script), 30)
        opened = {line for line in p.server.commands("EXAMINE") if "INBOX" not in line}
        since = [line for _, line in p.server.record[before:] if line.startswith("EXAMINE") and "INBOX" not in line]
        assert (len(opened), since) == (5, ['EXAMINE "F3" (CONDSTORE)'])


def cached(script: Script) -> None:
    """LIST tells the counters of the first time for ever; EXAMINE tells the truth."""
    first: list[list[bytes]] = []

    def repeats(_command: Command, reply: Reply) -> None:
        first[:] = first or [reply.untagged]
        reply.untagged = first[0]

    script.hooks.append(on("LIST", repeats, has="STATUS"))


@pytest.mark.parametrize("watching", [True, False])
async def test_a_list_that_tells_old_counters_keeps_no_mail_waiting(play, watching):
    boxes = {b"INBOX": Mailbox(messages(2)), b"Work": Mailbox(messages(3), uidvalidity=5)}
    script = Script(boxes, capabilities=RICH)
    async with play(script, poll_interval=0.2, list_interval=0.1) as p:
        cached(script)
        await p.sync()
        for box in boxes.values():
            box.deliver(b"Subject: new\r\n\r\nnew\r\n")
        if watching:
            async with watched(p):
                await until(lambda: p.stored == on_server(script) and known(p) == 7, 30)
        for _ in range(1 if watching else 2):
            assert (await p.sync()).exit_code == 0
        assert p.complete()
        boxes[b"Work"].deliver(b"Subject: more\r\n\r\nmore\r\n")
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("watching", [True, False])
@pytest.mark.parametrize("capabilities", [RICH, ("IMAP4rev1",)])
@pytest.mark.parametrize("lost", ["DELETE FROM folder_ledger", "UPDATE folder_ledger SET listed = '{[1,3)}'"])
async def test_a_folder_whose_ledger_was_lost_is_listed_again(play, lost, capabilities, watching):
    boxes = {b"INBOX": Mailbox(messages(3)), b"Work": Mailbox(messages(3), uidvalidity=5)}
    async with play(Script(boxes, capabilities=capabilities), poll_interval=0.2, list_interval=0.1) as p:
        await p.sync()
        if watching:
            async with watched(p):
                await until(lambda: len(p.server.commands("LOGIN")) > 1, 30)
                assert listed(p, lost) < 6
                await until(lambda: listed(p) == 6, 30)
        else:
            assert listed(p, lost) < 6
            assert (await p.sync()).exit_code == 0
            assert listed(p) == 6


def listed(p, change: str = "") -> int:
    """How many messages the ledger lists, after a change to the rows of the account."""
    ours = "WHERE folder_id IN (SELECT id FROM folders WHERE account = :account)"
    with p.engine.begin() as connection:
        if change:
            connection.execute(text(f"{change} {ours}"), {"account": p.slug})
        counted = text(f"SELECT coalesce(sum(multirange_count(listed)), 0) FROM folder_ledger {ours}")
        return int(connection.execute(counted, {"account": p.slug}).scalar_one())


def known(p) -> int:
    """Messages the ledger calls published, which it learns after the publisher has them.

    By one query: ``status`` holds two against each other, and a watch writes between them.
    """
    return sum(folder.published for folder in folders_of(p.engine, p.slug))


def long_ago(p) -> None:
    """Every folder was looked at an hour ago."""
    with p.engine.begin() as connection:
        statement = text("UPDATE folders SET pass_at = pass_at - interval '1 hour' WHERE account = :account")
        connection.execute(statement, {"account": p.slug})


def neglected(p) -> int:
    """Folders that nobody looked at in the last minute."""
    query = text(
        "SELECT count(*) FROM folders WHERE account = :account AND pass_at < CURRENT_TIMESTAMP - interval '1 minute'"
    )
    with p.engine.connect() as connection:
        return connection.execute(query, {"account": p.slug}).scalar()


async def test_a_folder_that_the_list_says_is_unchanged_was_looked_at(play):
    boxes = {f"F{n}".encode(): Mailbox(messages(2), uidvalidity=n + 1) for n in range(5)}
    async with play(Script({b"INBOX": Mailbox(messages(1)), **boxes}, capabilities=RICH)) as p:
        await p.sync()
        long_ago(p)
        said, asked = len(p.recorder.of(SyncReported)), p.server.counts["EXAMINE"]
        assert neglected(p) == 6
        assert (await p.sync()).exit_code == 0
        assert neglected(p) == 0
        assert (len(p.recorder.of(SyncReported)), p.server.counts["EXAMINE"]) == (said, asked + 1)


async def test_a_folder_that_is_opened_without_news_was_looked_at(play):
    boxes = {b"INBOX": Mailbox(messages(1)), b"Work": Mailbox(messages(2), uidvalidity=3)}
    async with play(Script(boxes, capabilities=("IMAP4rev1",)), poll_interval=0.1) as p, watched(p):
        await until(lambda: p.server.counts["EXAMINE"] >= 6)
        long_ago(p)
        said = len(p.recorder.of(SyncReported))
        await until(lambda: neglected(p) == 0)
        assert len(p.recorder.of(SyncReported)) == said


@pytest.mark.parametrize("capabilities", [("IMAP4rev1",), RICH, (*RICH, "QRESYNC", "ENABLE")])
async def test_accelerators_give_the_same_result(play, capabilities):
    script = Script(
        {b"INBOX": Mailbox(messages(30)), b"Work": Mailbox(messages(5), uidvalidity=3)}, capabilities=capabilities
    )
    async with play(script) as p:
        await p.sync()
        box = inbox(script)
        box.deliver(b"Subject: one\r\n\r\n1\r\n")
        box.expunge(3, 4)
        box.messages[0].flags.add("\\Seen")
        box.messages[0].modseq = box.modseq() + 1
        assert (await p.sync()).exit_code == 0
        report = p.report()
        assert (report.listed, report.published, report.vanished, report.missing) == (31, 31, 2, 0)
        assert {event.uids for event in p.recorder.events if hasattr(event, "confirmed")} == {"3:4"}
        flags = [(c.uids, c.flags) for e in p.recorder.events if hasattr(e, "changes") for c in e.changes]
        assert flags == [("1", ("\\Seen",))]


async def test_daily_budget_is_kept_and_shown(play):
    script = Script({b"INBOX": Mailbox(messages(30, size=1000))})
    async with play(script, daily_bytes=12_000, batch_messages=5) as p:
        result = await p.sync()
        assert result.exit_code == 3
        assert "budget" in result.failure
        assert 10 <= len(p.stored) <= 20
        assert (await p.sync(daily_bytes=100_000)).exit_code == 0
        assert p.complete()
        assert 60_000 < p.report().budgetleft < 100_000


async def test_throttled_server_gets_half_the_rate(play):
    script, asked = Script({b"INBOX": Mailbox(messages(20))}), []

    def slow(_command, reply):
        asked.append(time.monotonic())
        reply.stall, reply.tagged = 0.1, b"OK done [THROTTLED]"

    script.hooks.append(on("UID FETCH", slow, has="BODY.PEEK[]"))
    async with play(script, batch_messages=10) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert [after - before < 0.19 for before, after in pairwise(asked)] == [False] * 2  # an answer takes 0.1


class Known:
    """What the storer would know: by Message-ID, INTERNALDATE and size."""

    def __init__(self, p, wrong: bool = False) -> None:
        self.p, self.wrong = p, wrong

    def known(self, account, folder_id, ids):
        found = {}
        for event in self.p.recorder.of(MessageFetched):
            message_id = re.search(rb"Message-ID: <([^>]+)>", event.body)[1].decode()
            if message_id in ids:
                sha256 = "0" * 64 if self.wrong else event.contentsha256
                found[(message_id, event.internaldate, event.size)] = sha256
        return found


async def test_new_epoch_links_known_mail_and_fetches_the_rest(play):
    script = Script({b"INBOX": Mailbox(messages(40))})
    async with play(script) as p:
        p.contents = Known(p)
        await p.sync()
        inbox(script).uidvalidity = 1_700_000_001
        inbox(script).deliver(sample(99))
        fetched = len(p.recorder.of(MessageFetched))
        assert (await p.sync()).exit_code == 0
        assert len(p.recorder.of(MessageFetched)) == fetched + 1
        assert len(p.recorder.of(PlaceRelinked)) == 40
        last = p.recorder.of(UidValidityChanged)[-1]
        assert (last.relinked, last.refetched) == (40, 1)
        assert (p.report().missing, p.report().published) == (0, 41)


async def test_one_wrong_link_ends_the_linking(play):
    script = Script({b"INBOX": Mailbox(messages(40))})
    async with play(script) as p:
        p.contents = Known(p, wrong=True)
        await p.sync()
        inbox(script).uidvalidity = 1_700_000_001
        assert (await p.sync()).exit_code == 0
        assert p.recorder.of(PlaceRelinked) == []
        assert len(p.recorder.times) == 80
