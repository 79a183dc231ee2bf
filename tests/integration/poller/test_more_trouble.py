"""Servers that leave out, refuse or garble what others give: what is there is retrieved all the same, or it is said."""

import pytest

from tests.fakes.imap_model import Action, Mailbox, Script, adds, changes, messages, on, sample, says
from tests.fakes.imap_scenarios import QRESYNC
from tests.integration.poller.conftest import inbox, on_server


def five(name: str, action: Action, *, has: str = "", capabilities: tuple[str, ...] = ("IMAP4rev1",)) -> Script:
    hook = on(name, action, has=has)
    return Script({b"INBOX": Mailbox(messages(5))}, capabilities=capabilities, hooks=[hook])


def exists(count: bytes) -> Action:
    line = b"* " + count + b" EXISTS\r\n" if count else b""
    return changes(lambda chunk: line if b"EXISTS" in chunk else chunk)


@pytest.mark.parametrize(
    "script",
    [
        lambda: five("EXAMINE", exists(b"0")),
        lambda: five("EXAMINE", exists(b"")),
        lambda: five("LIST", says("OK done")),
        lambda: five("ENABLE", says("NO not today"), capabilities=QRESYNC),
        lambda: five("UID FETCH", says("NO no sizes"), has="(UID RFC822.SIZE)"),
        lambda: five("UID FETCH", says("BAD no sizes"), has="(UID RFC822.SIZE)"),
    ],
    ids=["exists-zero", "exists-missing", "inbox-not-listed", "enable-refused", "sizes-refused", "sizes-rejected"],
)
async def test_what_is_left_out_is_found_by_other_means(play, script):
    async with play(script()) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("kind", ["NO", "BAD"])
async def test_without_a_folder_list_inbox_and_known_folders_are_read(play, kind):
    script = Script({b"INBOX": Mailbox(messages(5)), b"Other": Mailbox(messages(3))})
    async with play(script) as p:
        await p.sync()
        script.hooks.append(on("LIST", says(f"{kind} no list today")))
        script.mailboxes[b"Other"].deliver(sample(99))
        result = await p.sync()
        assert (result.exit_code, p.signin()) == (3, "ok")
        assert "LIST" in result.failure
        assert p.complete()
        assert set(p.folders().values()) == {"active"}


async def test_an_empty_folder_list_is_asked_for_again(play):
    script = Script({b"INBOX": Mailbox(messages(5)), b"Other": Mailbox(messages(3))})
    script.hooks.append(on("LIST", says("OK nothing"), times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_an_empty_folder_list_takes_no_known_folder_away(play):
    script = Script({b"INBOX": Mailbox(messages(5)), b"Other": Mailbox(messages(3))})
    async with play(script) as p:
        await p.sync()
        script.hooks.append(on("LIST", says("OK nothing")))
        script.mailboxes[b"Other"].deliver(sample(99))
        result = await p.sync()
        assert (result.exit_code, "lists no folder" in result.failure) == (3, True)
        assert p.complete()


async def test_a_line_of_the_folder_list_that_cannot_be_read_costs_itself_only(play):
    script = five("LIST", adds('* LIST (\\Foo "unterminated'))
    async with play(script) as p:
        result = await p.sync()
        assert result.exit_code == 3
        assert "folder list cannot be read" in result.failure
        assert p.complete()


async def test_a_busy_folder_leaves_the_sign_in_well(play):
    script = Script({b"INBOX": Mailbox(messages(5)), b"Other": Mailbox(messages(3))})
    script.hooks.append(on("EXAMINE", says("NO [UNAVAILABLE] later"), has="Other"))
    async with play(script) as p:
        assert ((await p.sync()).exit_code, p.signin(), len(p.stored)) == (3, "ok", 5)


async def test_used_uids_with_other_mail_are_seen_behind_equal_counters(play):
    script = Script({b"INBOX": Mailbox(messages(5))}, capabilities=("IMAP4rev1", "CONDSTORE"))
    async with play(script) as p:
        await p.sync()
        for message in inbox(script).messages:
            message.raw = sample(message.uid + 500)
        assert (await p.sync()).exit_code == 0
        assert set(p.stored.values()) == set(on_server(script).values())
