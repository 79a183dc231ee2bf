"""Mailboxes that change at any moment while they are read, by chance: in the end all is known as it is."""

from random import Random

import pytest
from sqlalchemy import text

from services.poller.adapters import PostgresLedger
from tests.fakes.imap_model import Mailbox, Script, messages
from tests.fakes.imap_restless import Restless
from tests.integration.poller.watching import watched
from tests.polling import until_meanwhile as until

NEW = ("IMAP4rev1", "ENABLE", "ID", "IDLE", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE")
KINDS = {
    "old": ("IMAP4rev1",),
    "new": NEW,
    "condstore": (*NEW, "CONDSTORE"),
    "qresync": (*NEW, "CONDSTORE", "QRESYNC", "OBJECTID"),
}
PATIENT = {
    "vanish_confirm": 0,
    "attempts": 6,
    "quarantine_after": 50,
    "command_timeout": 3,
    "backoff_base": 0.001,
    "backoff_max": 0.01,
}
HASTY = {"poll_interval": 0.05, "list_interval": 0.1, "idle_refresh": 0.05}
ROUNDS, COMMANDS = 2, 60
play_of = pytest.mark.parametrize("kind", KINDS)
with_seed = pytest.mark.parametrize("seed", [1, 2])


def restless(kind, seed):
    chance = Random(f"{kind} {seed}")
    boxes = {b"INBOX": Mailbox(messages(12), uidvalidity=1), b"Empty": Mailbox(uidvalidity=2, uidnext=1)}
    boxes[b"Work"] = Mailbox(messages(5), uidvalidity=3, mailboxid="M3")
    script = Script(boxes, capabilities=KINDS[kind], capability_in=chance.choice(("ok", "untagged")))
    return Restless(script, chance)


def on_server(script, *, flagged):
    """By wire name: UIDVALIDITY, the flags of each UID, and what is not published."""
    return {
        wire: (mailbox.uidvalidity, {m.uid: set(m.flags) if flagged else set() for m in mailbox.messages}, [])
        for wire, mailbox in script.mailboxes.items()
    }


def known(p, *, flagged):
    """The same as the ledger tells it."""
    ledger, found = PostgresLedger(p.engine), {}
    for record in ledger.folders(p.slug):
        sets = ledger.ledger(record.id, record.epoch, record.uidvalidity or 0)
        there = sets.listed - sets.vanished - sets.invisible
        flags = {uid: {flag for flag, uids in sets.flags.items() if flagged and uid in uids} for uid in there}
        if record.state == "active":
            found[record.wire] = (record.uidvalidity, flags, list(there - sets.published))
    return found


def nothing_is_taken_for_another(p, changing):
    """What was fetched is what was there, and no place was fetched twice."""
    assert {place: changing.content[place[1:]] for place in p.stored} == p.stored
    assert set(p.recorder.times.values()) <= {1}


def forgive(p):
    """A connection that broke off makes wary for a week; here commands go ahead all the same."""
    with p.engine.begin() as connection:
        connection.execute(text("DELETE FROM server_habits WHERE account = :account"), {"account": p.slug})


@play_of
@with_seed
async def test_runs_while_mail_comes_goes_and_changes(play, kind, seed):
    changing = restless(kind, seed)
    async with play(changing.script, **PATIENT) as p:
        for trouble in (0.0, 0.1) * (ROUNDS // 2):
            changing.rate, changing.trouble = 0.6, trouble
            await p.sync()
            changing.rate = changing.trouble = 0.0
            forgive(p)
            assert (await p.sync()).exit_code == 0
            changing.change()
            assert (await p.sync()).exit_code == 0
            assert known(p, flagged=True) == on_server(changing.script, flagged=True)
            nothing_is_taken_for_another(p, changing)


@play_of
@with_seed
async def test_a_watch_while_mail_comes_goes_and_changes(play, kind, seed):
    changing = restless(kind, seed)
    flagged = "CONDSTORE" in KINDS[kind]  # else it takes a quarter of an hour
    changing.rate = 0.0
    async with play(changing.script, **HASTY, **PATIENT) as p, watched(p):
        for trouble in (0.0, 0.03) * (ROUNDS // 2):
            said = p.server.counts.total() + COMMANDS
            changing.rate, changing.trouble = 0.4, trouble
            await until(lambda said=said: p.server.counts.total() > said)
            changing.rate = changing.trouble = 0.0
            forgive(p)
            there = on_server(changing.script, flagged=flagged)
            await until(lambda there=there: known(p, flagged=flagged) == there)
            nothing_is_taken_for_another(p, changing)
