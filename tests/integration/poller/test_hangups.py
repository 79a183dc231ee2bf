"""Servers that hang up every few commands: each connection's work counts and is kept, so that the sync ends whole."""

import pytest

from tests.fakes.imap_model import Action, Command, Mailbox, Reply, Script, closes, messages, on, sample
from tests.fakes.imap_scenarios import QRESYNC
from tests.integration.poller.watching import watched
from tests.polling import until_meanwhile as until


def hangs_up(every: int, *, instead: bool) -> Action:
    """Close after every so many commands of a connection, or in place of the answer to the last of them."""
    counts: dict[int, int] = {}

    def action(command: Command, reply: Reply) -> None:
        counts[command.connection] = counts.get(command.connection, -1) + 1
        if counts[command.connection] >= every:
            reply.close = True
            if instead:
                reply.untagged, reply.tagged = [], b""

    return action


def busy_account(hook: Action) -> Script:
    boxes = {name: Mailbox(messages(count)) for name, count in ((b"INBOX", 30), (b"A", 12), (b"B", 0), (b"C", 1))}
    return Script(boxes, hooks=[on("*", hook)])


@pytest.mark.parametrize("every", range(3, 13))
async def test_a_hang_up_after_every_few_commands_is_outrun(play, every):
    async with play(busy_account(hangs_up(every, instead=False))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("every", range(4, 13))
async def test_a_hang_up_in_place_of_an_answer_is_outrun(play, every):
    async with play(busy_account(hangs_up(every, instead=True))) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_watching_poller_outruns_hang_ups(play):
    async with play(busy_account(hangs_up(6, instead=True)), backoff_base=0.01) as p, watched(p):
        await until(lambda: len(p.stored) == 43)
        assert p.complete()


async def test_an_id_that_is_never_answered_is_left_out(play):
    script = Script({b"INBOX": Mailbox(messages(3))}, capabilities=("IMAP4rev1", "ID"))
    script.hooks.append(on("ID", lambda _command, reply: setattr(reply, "silent", True)))
    async with play(script, command_timeout=1) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        await p.sync()
        assert p.server.counts["ID"] == 1  # remembered beyond one process


SILENT = lambda _command, reply: setattr(reply, "silent", True)  # noqa: E731
OPTIONAL = [
    ("LIST", "RETURN"), ("ENABLE", ""), ("EXAMINE", "CONDSTORE"), ("UID FETCH", "CHANGEDSINCE"), ("UID FETCH", "SIZE)"),
]  # fmt: skip


@pytest.mark.parametrize("action", [closes(), closes("* BYE no"), SILENT], ids=["closes", "bye", "silent"])
@pytest.mark.parametrize(("name", "has"), OPTIONAL)
async def test_a_command_that_only_saves_time_is_left_out_where_it_ends_connections(play, name, has, action):
    async with play(Script({b"INBOX": Mailbox(messages(8))}, capabilities=QRESYNC), command_timeout=1) as p:
        await p.sync()
        p.server.script.hooks.append(on(name, action, has=has))
        p.server.script.mailboxes[b"INBOX"].deliver(sample(9))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("action", [closes(), SILENT], ids=["closes", "silent"])
@pytest.mark.parametrize("bad", [b"INBOX", b"Alpha"])
async def test_a_folder_that_ends_connections_keeps_no_other_from_being_read(play, bad, action):
    boxes = {name: Mailbox(messages(3)) for name in (b"INBOX", b"Alpha", b"Beta", b"Gamma")}
    script = Script(boxes, hooks=[on("EXAMINE", action, has=bad.decode())])
    async with play(script, command_timeout=1) as p:
        result = await p.sync()
        assert (result.exit_code, bool(result.failure)) == (3, True)
        assert {folder for folder, _, _ in p.stored} == {"INBOX", "Alpha", "Beta", "Gamma"} - {bad.decode()}
