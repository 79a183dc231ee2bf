"""What is asked for besides a message may fail without costing it; mail may come while other mail is fetched."""

from itertools import count

import pytest

from tests.fakes.imap_model import Action, Command, Reply, Script, changes, closes, on, sample, says
from tests.integration.poller.conftest import inbox
from tests.integration.poller.ten_messages import ten

PIECE, BODY = "BODY.PEEK[]<", "BODY.PEEK[]"


def five(tagged: bytes) -> Action:
    return lambda _command, reply: Reply(tagged=tagged) if any(b"UID 5 " in c for c in reply.untagged) else reply


@pytest.mark.parametrize("item", ["INTERNALDATE", "RFC822.SIZE"])
@pytest.mark.parametrize("tagged", [b"BAD internal error", b"NO [SERVERBUG] cannot say"])
async def test_an_item_that_fails_for_one_message_is_left_out(play, item, tagged):
    script = ten()
    script.hooks.append(on("UID FETCH", five(tagged), has=item))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("action", [says("BAD no pieces"), says("NO no pieces"), closes()])
async def test_an_untrue_size_costs_nothing_where_no_piece_can_be_had(play, action):
    script = ten()
    lie = changes(lambda chunk: chunk.replace(b"RFC822.SIZE ", b"RFC822.SIZE 99999999"))
    script.hooks += [on("UID FETCH", lie, has="RFC822.SIZE"), on("UID FETCH", action, has=PIECE)]
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("kind", ["NO", "BAD"])
async def test_what_groups_leave_out_is_asked_alone_though_noop_is_refused(play, kind):
    def leave_out(_command: Command, reply: Reply) -> None:
        if len(reply.untagged) > 1:
            reply.untagged = [chunk for chunk in reply.untagged if b"UID 5 " not in chunk]

    script = ten()
    script.hooks += [on("UID FETCH", leave_out, has=BODY), on("NOOP", says(f"{kind} what"))]
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


def delivers(script: Script, times: int, *, told: bool) -> Action:
    turns = count()

    def action(_command: Command, reply: Reply) -> None:
        if next(turns) < times:
            box = inbox(script)
            box.deliver(sample(100 + len(box.messages)))
            reply.untagged += [b"* %d EXISTS\r\n" % len(box.messages)] * told

    return action


@pytest.mark.parametrize("times", [1, 8])
@pytest.mark.parametrize("told", [True, False], ids=["at-once", "at-noop"])
async def test_mail_that_comes_while_other_mail_is_fetched(play, times, told):
    script = ten()
    script.hooks.append(on("UID FETCH", delivers(script, times, told=told), has=BODY))
    news = lambda _c, reply: reply.untagged.append(b"* %d EXISTS\r\n" % len(inbox(script).messages))  # noqa: E731
    script.hooks.append(on("NOOP", news))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert len(p.stored) == 10 + times
        assert p.complete()


@pytest.mark.parametrize("broken", [b"FLAGS (()", b'FLAGS ("a)'])
@pytest.mark.parametrize("where", [b"UID 5 ", b""], ids=["of-one", "of-all"])
async def test_flags_that_cannot_be_read_cost_no_message(play, broken, where):
    script = ten()
    script.hooks.append(on("UID FETCH", changes(lambda chunk: chunk.replace(where + b"FLAGS ()", where + broken))))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
