"""A message that went into quarantine: when it is asked for again, and when it is not."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.fakes.imap_model import Command, Mailbox, Reply, Script, messages, sample
from tests.integration.poller.conftest import inbox
from tests.integration.poller.refusing import bodies, refuses
from tests.integration.poller.ten_messages import only_missing, ten


async def test_quarantine_is_not_asked_again_before_its_time(play):
    script = ten()
    script.hooks.append(bodies(refuses(5, b"NO [UNAVAILABLE] server error")))
    async with play(script) as p:
        await p.sync()
        before = len(p.server.commands("UID FETCH"))
        assert (await p.sync()).exit_code == 3
        assert not [line for line in p.server.commands("UID FETCH")[before:] if "BODY.PEEK[]" in line]


@pytest.mark.parametrize(("failures", "left"), [(2, []), (3, [5])])
async def test_a_message_is_tried_as_often_as_is_set(play, failures, left):
    script, alone = ten(), []

    def action(command: Command, reply: Reply) -> Reply | None:
        alone.extend([command.text] if command.text.startswith("5 (UID FLAGS") else [])
        return refuses(5, b"NO later")(command, reply) if len(alone) <= failures else None

    script.hooks.append(bodies(action))
    async with play(script, quarantine_after=3) as p:
        assert (await p.sync()).exit_code == (3 if left else 0)
        assert list(p.quarantined()) == left
        assert only_missing(p, *left)


@pytest.mark.parametrize("capabilities", [(), ("LIST-EXTENDED", "LIST-STATUS", "CONDSTORE")], ids=["opened", "listed"])
async def test_a_message_in_quarantine_comes_when_its_time_is_over(play, capabilities):
    """Also in a folder of which nothing is new."""
    boxes = {name: Mailbox(messages(10), uidvalidity=7) for name in (b"INBOX", b"Work")}
    script = Script(boxes, capabilities=("IMAP4rev1", *capabilities))
    script.hooks.append(bodies(refuses(5, b"NO [UNAVAILABLE] server error")))
    async with play(script) as p:
        await p.sync()
        script.hooks.clear()
        assert (await p.sync()).exit_code == 3
        assert list(p.quarantined()) == [5]
        with p.engine.begin() as connection:
            connection.execute(text("UPDATE quarantine SET next_try = now()"))
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert p.quarantined() == {}
        assert (p.report("Work").quarantined, p.report("Work").missing) == (0, 0)


async def test_what_is_due_again_is_not_asked_for_while_the_folder_seems_empty(play):
    """It would be told that the server lists it and does not send it."""
    script = ten()
    script.hooks.append(bodies(refuses(5, b"NO [UNAVAILABLE] server error")))
    async with play(script) as p:
        await p.sync()
        with p.engine.begin() as connection:
            connection.execute(text("UPDATE quarantine SET next_try = now()"))
        before, inbox(script).messages = len(p.server.commands("UID FETCH")), []
        await p.sync()
        assert not [line for line in p.server.commands("UID FETCH")[before:] if "BODY.PEEK[]" in line]
        assert p.quarantined() == {5: "refused"}


async def test_many_bad_messages_that_are_due_again_hold_up_no_new_mail(play):
    def action(command: Command, reply: Reply) -> Reply | None:
        return next(filter(None, (refuses(uid, b"NO cannot")(command, reply) for uid in range(1, 31))), None)

    script = Script({b"INBOX": Mailbox(messages(35))}, hooks=[bodies(action)])
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert len(p.quarantined()) == 30
        with p.engine.begin() as connection:
            connection.execute(text("UPDATE quarantine SET next_try = now()"))
        before = len(p.server.commands("UID FETCH"))
        assert "quarantine" in (await p.sync()).failure
        assert p.last_errors()["INBOX"] is None
        asked = [line for line in p.server.commands("UID FETCH")[before:] if "BODY.PEEK[]" in line]
        assert len(asked) == len(set(asked))  # the server sends other mail: no reason to let the folder rest
        mine = "SELECT next_try - now() FROM quarantine JOIN folders f ON f.id = folder_id WHERE f.account = :account"
        with p.engine.connect() as connection:
            waits = connection.scalars(text(mine), {"account": p.slug}).all()
        assert timedelta(hours=5) < min(waits) <= max(waits) < timedelta(hours=6)
        inbox(script).deliver(sample(99))
        assert (await p.sync()).exit_code == 3
        assert {place[2] for place in p.stored} == {31, 32, 33, 34, 35, 36}
