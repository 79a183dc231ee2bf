"""Scenarios 5, 8, 14, 19, 20: hostile answers, throttling, quirks of known servers, the read-only promise."""

import time

import pytest

from tests.fakes.imap_model import (
    Command,
    Mailbox,
    Message,
    Reply,
    Script,
    adds,
    messages,
    on,
    sample,
    says,
)
from tests.integration.poller.conftest import inbox


def ten(**more) -> Script:
    return Script({b"INBOX": Mailbox(messages(10))}, **more)


@pytest.mark.parametrize(
    "raw",
    [
        b"* " + b"x" * 3_000_000,
        b"* LIST (" + b"(" * 20_000 + b"\r\n",
        b"wrong OK done\r\n",
        b"+ surprise\r\n",
    ],
)
async def test_nonsense_once_is_survived(play, raw):
    script = ten()
    script.hooks.append(on("EXAMINE", lambda _c, _r: Reply(raw=raw, close=True), times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_nonsense_for_ever_ends(play):
    script = ten()
    script.hooks.append(on("EXAMINE", lambda _c, _r: Reply(raw=b"* " + b"x" * 2_000_000, close=True)))
    async with play(script) as p:
        started = time.monotonic()
        result = await p.sync()
        assert result.exit_code == 5, result
        assert time.monotonic() - started < 60


async def test_endless_untagged_lines_end(play):
    script = ten()
    script.hooks.append(on("LIST", lambda _c, r: setattr(r, "untagged", [b"* OK still here\r\n"] * 300_000), times=1))
    async with play(script) as p:
        result = await p.sync()
        assert result.exit_code == 0, result


async def test_vanished_of_everything_is_never_expanded(play):
    script = ten(capabilities=("IMAP4rev1", "CONDSTORE", "QRESYNC", "ENABLE"))
    async with play(script) as p:
        await p.sync()
        script.hooks.append(on("EXAMINE", adds("* VANISHED (EARLIER) 1:4294967295")))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_early_tagged_ok_for_another_command(play):
    script = ten()
    script.hooks.append(on("LOGIN", lambda _c, _r: Reply(raw=b"A999 OK early\r\n"), times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_ten_million_uids_by_search_are_ranges(play):
    script = ten(strict_ranges=True)
    script.hooks.append(on("UID SEARCH", says("BAD no search here")))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_command_that_never_answers(play):
    script = ten()
    script.hooks.append(on("LIST", lambda _c, r: setattr(r, "silent", True), times=1))
    async with play(script, command_timeout=1) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("name", ["CAPABILITY", "LOGIN", "LIST", "EXAMINE", "UID FETCH"])
async def test_a_server_that_falls_silent_for_ever_is_left(play, name):
    script = ten()
    script.hooks.append(on(name, lambda _c, r: setattr(r, "silent", True)))
    async with play(script, command_timeout=0.5, connect_timeout=1, attempts=2) as p:
        result = await p.sync()
        assert result.exit_code == 5, result
        assert p.signin() == "network"
        assert result.advice


async def test_qq_refuses_descending_ranges_and_search(play):
    script = ten(strict_ranges=True)
    script.hooks.append(on("UID SEARCH", says("BAD search")))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_search_that_returns_sequence_numbers(play):
    script = Script({b"INBOX": Mailbox(messages(10, first=1000))})
    script.hooks.append(on("UID SEARCH", says("OK", "* SEARCH 1 2 3 4 5 6 7 8 9 10")))
    script.hooks.append(on("UID FETCH", lambda _c, r: setattr(r, "untagged", r.untagged[:-1]), times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_read_write_answer_to_examine_goes_on_reading_only(play):
    script = Script({b"INBOX": Mailbox(messages(3), tag="READ-WRITE")})
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_bad_to_condstore_argument(play):
    script = ten(capabilities=("IMAP4rev1", "CONDSTORE"))
    script.hooks.append(on("EXAMINE", says("BAD parse error"), has="CONDSTORE"))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("text", ["NO", "BAD"])
async def test_changedsince_refused(play, text):
    script = ten(capabilities=("IMAP4rev1", "CONDSTORE"))
    script.hooks.append(on("UID FETCH", says(f"{text} no"), has="CHANGEDSINCE"))
    async with play(script) as p:
        await p.sync()
        inbox(script).messages[0].flags.add("\\Seen")
        inbox(script).messages[0].modseq = 50
        inbox(script).deliver(sample(99))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_highestmodseq_going_down_and_nomodseq(play):
    script = ten(capabilities=("IMAP4rev1", "CONDSTORE"))
    inbox(script).highestmodseq = 100
    async with play(script) as p:
        await p.sync()
        inbox(script).highestmodseq = 50
        inbox(script).messages.append(Message(11, sample(11)))
        assert (await p.sync()).exit_code == 0
        inbox(script).nomodseq = True
        inbox(script).messages.append(Message(12, sample(12)))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_highestmodseq_without_condstore_is_ignored(play):
    script = ten(capabilities=("IMAP4rev1", "XYMHIGHESTMODSEQ"))
    script.hooks.append(on("EXAMINE", adds("* OK [HIGHESTMODSEQ 7] private")))
    async with play(script) as p:
        await p.sync()
        inbox(script).messages.append(Message(11, sample(11)))
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_exists_in_steps_and_garbage_dates(play):
    script = ten()
    for message, date in zip(inbox(script).messages, ("00-Jan-0000 00:00:00 +0000", "", "not a date"), strict=False):
        message.internaldate = date
    script.hooks.append(on("EXAMINE", adds("* 3 EXISTS", "* 7 EXISTS")))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_new_mail_during_the_pass_is_fetched_in_the_same_run(play):
    script = ten()

    def arrive(_command: Command, reply: Reply) -> None:
        inbox(script).messages.append(Message(11, sample(11)))
        reply.untagged.append(b"* 11 EXISTS\r\n")

    script.hooks.append(on("UID FETCH", arrive, has="BODY.PEEK[]", times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_listing_refused_falls_back(play):
    script = ten(capabilities=("IMAP4rev1", "LIST-EXTENDED", "SPECIAL-USE", "LIST-STATUS"))
    script.hooks.append(on("LIST", says("BAD no such option"), has="RETURN"))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_fetch_of_a_wide_range_refused(play):
    script = ten()
    script.hooks.append(on("UID FETCH", says("NO too many"), has="1:4294967295"))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_flags_at_the_server_stay_as_they_are(play):
    script = ten()
    async with play(script) as p:
        await p.sync()
        assert all(message.flags == set() for message in inbox(script).messages)
