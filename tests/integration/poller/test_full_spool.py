"""No room for large messages: waited for, told, nothing quarantined or left behind. A real refusal by the system."""

from pathlib import Path

from tests.fakes.full_disk import no_file_larger_than
from tests.fakes.imap_fetch import response
from tests.fakes.imap_model import Command, Mailbox, Message, Reply, Script, messages, on, sample
from tests.integration.poller.conftest import Play
from tests.integration.poller.ten_messages import ten

LARGE = 3_000_000


def files(play: Play) -> list[Path]:
    """What lies in the spool."""
    return list(play.folder.rglob("*.literal"))


async def test_a_full_spool_quarantines_nothing_and_the_message_comes_when_there_is_room(play):
    script = ten(raw=sample(5, LARGE))
    async with play(script) as p:
        with no_file_larger_than(1_000_000):
            result = await p.sync()
        assert result.exit_code == 3
        assert f"no room for a large message in {p.folder}: File too large; free space there" in result.failure
        assert p.quarantined() == {}
        assert files(p) == []
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_large_message_that_finds_no_room_keeps_no_other_folder_waiting(play):
    script = Script({b"INBOX": Mailbox([Message(1, sample(1, LARGE))]), b"Work": Mailbox(messages(3))})
    async with play(script) as p:
        with no_file_larger_than(1_000_000):
            assert (await p.sync()).exit_code == 3
        assert {place[:1] + place[2:] for place in p.stored} == {("Work", uid) for uid in (1, 2, 3)}
        assert p.quarantined() == {}
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_store_that_is_down_leaves_no_file_in_the_spool(play):
    script = Script({b"INBOX": Mailbox([Message(uid, sample(uid, 1_000_000)) for uid in range(1, 21)])})
    async with play(script) as p:
        (p.folder / "mailweir").touch()
        result = await p.sync()
        assert (result.exit_code, "object folder cannot be used" in result.failure) == (3, True)
        assert files(p) == []
        assert p.quarantined() == {}
        (p.folder / "mailweir").unlink()
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert files(p) == []


async def test_two_different_large_bodies_for_one_uid_leave_no_file(play):
    script = ten(raw=sample(5, LARGE))
    other = response(5, Message(5, sample(999, LARGE)), "(UID BODY.PEEK[])")

    def twice(_command: Command, reply: Reply) -> None:
        reply.untagged += [other] * any(b"UID 5 " in chunk for chunk in reply.untagged)

    script.hooks.append(on("UID FETCH", twice, has="BODY.PEEK[]"))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert p.quarantined() == {5: "conflict"}
        assert files(p) == []
