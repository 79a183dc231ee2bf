"""Scenario 7: a message that is refused, left out, or kills the connection must not touch the others."""

import pytest

from services.common.events import MessageFetched
from tests.fakes.imap_model import Command, Mailbox, Reply, Script, closes, messages, on, says
from tests.integration.poller.refusing import bodies, refuses
from tests.integration.poller.ten_messages import only_missing, ten


@pytest.mark.parametrize(
    "text",
    [
        b"NO [UNAVAILABLE] server error while fetching",
        b"NO some message no longer exists",
        b"NO [EXPUNGEISSUED] gone",
        b"NO [SERVERBUG] oops",
        b"NO failed",
        b"NO [CORRUPTION] damaged",
    ],
)
async def test_no_for_one_uid_in_a_group(play, text):
    script = ten()
    script.hooks.append(bodies(refuses(5, text)))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert list(p.quarantined()) == [5]


async def test_bad_for_one_uid_in_a_group(play):
    script = ten()
    script.hooks.append(bodies(refuses(5, b"BAD internal error")))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)


async def test_what_came_to_see_whether_anything_comes_is_not_fetched_again(play):
    script = Script({b"INBOX": Mailbox(messages(60))})

    def no(command: Command, reply: Reply) -> Reply | None:
        named = (refuses(uid, b"NO [SERVERBUG] oops")(command, reply) for uid in range(35, 61))
        return next((refused for refused in named if refused), None)

    script.hooks.append(bodies(no))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        came = [event.place.uid for event in p.recorder.of(MessageFetched)]
        assert sorted(came) == list(range(1, 35))


@pytest.mark.parametrize("uid", [1, 5, 10])
async def test_a_uid_that_closes_the_connection_each_time(play, uid):
    script = ten()

    def dies(command: Command, reply: Reply) -> Reply | None:
        if refuses(uid, b"NO")(command, reply) is None:
            return None
        kept = [chunk for chunk in reply.untagged if int(chunk.split()[1]) < uid]
        return Reply(kept, b"", close=True)

    script.hooks.append(bodies(dies))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, uid)
        assert list(p.quarantined()) == [uid]


async def test_two_uids_that_close_the_connection(play):
    script = ten()

    def dies(command: Command, reply: Reply) -> Reply | None:
        first = next((uid for uid in (3, 7) if refuses(uid, b"NO")(command, reply)), None)
        if first is None:
            return None
        return Reply([chunk for chunk in reply.untagged if int(chunk.split()[1]) < first], b"", close=True)

    script.hooks.append(bodies(dies))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 3, 7)
        assert sorted(p.quarantined()) == [3, 7]


async def test_a_uid_that_hangs_each_time(play):
    script = ten()

    def hangs(command: Command, reply: Reply) -> Reply | None:
        if refuses(5, b"NO")(command, reply) is None:
            return None
        return Reply([chunk for chunk in reply.untagged if int(chunk.split()[1]) < 5], b"", stall=30.0)

    script.hooks.append(bodies(hangs))
    async with play(script, command_timeout=0.7) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert list(p.quarantined()) == [5]


def omits(uid: int, times: int = 1_000_000):
    return on(
        "UID FETCH",
        lambda _c, r: setattr(r, "untagged", [x for x in r.untagged if b"UID %d " % uid not in x]),
        has="BODY.PEEK[]",
        times=times,
    )


async def test_omitted_once_is_asked_again(play):
    script = ten()
    script.hooks.append(omits(5, times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_omitted_always_is_quarantined(play):
    script = ten()
    script.hooks.append(omits(5))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 3
        assert only_missing(p, 5)
        assert list(p.quarantined()) == [5]


async def test_everything_omitted_the_first_time(play):
    script = ten()
    script.hooks.append(on("UID FETCH", says("OK done"), has="BODY.PEEK[]", times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_listing_that_leaves_a_uid_out_is_asked_again(play):
    script = ten()
    script.hooks.append(
        on("UID FETCH", lambda _c, r: setattr(r, "untagged", [x for x in r.untagged if b"UID 5 " not in x]), times=1)
    )
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_bye_at_any_body_fetch(play):
    script = ten()
    script.hooks.append(on("UID FETCH", closes("* BYE shutting down"), has="BODY.PEEK[]", times=2))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_body_slower_than_the_least_rate_is_given_up(play):
    script = ten()
    script.hooks.append(on("UID FETCH", lambda _c, r: setattr(r, "pace", (1, 0.1)), has="BODY.PEEK[]", times=1))
    async with play(script, command_timeout=1, min_rate=1000) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_one_bad_is_not_held_against_a_message(play):
    script = ten()
    script.hooks.append(on("UID FETCH", says("BAD internal error"), has="BODY.PEEK[]", times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert p.quarantined() == {}


def many(*hooks) -> Script:
    return Script({b"INBOX": Mailbox(messages(300)), b"Work": Mailbox(messages(3), uidvalidity=5)}, hooks=list(hooks))


@pytest.mark.parametrize("answer", ["NO [UNAVAILABLE] later", "NO cannot", "BAD cannot", "OK done"])
async def test_a_server_that_sends_no_message_is_not_asked_for_each(play, answer):
    def action(_command: Command, reply: Reply) -> Reply | None:
        return Reply([], answer.encode()) if any(b"BODY[]" in chunk for chunk in reply.untagged) else None

    script = many(bodies(action))
    async with play(script, attempts=2) as p:
        result = await p.sync()
        assert (result.exit_code, "none of the messages" in result.failure) == (3, True)
        assert len(p.server.record) < 600  # or seven for each of 300 messages
        assert len(p.quarantined()) < 20  # those of the small folder, and some that were asked for alone
        assert "none of the messages" in (p.last_errors()["INBOX"] or "")
        script.hooks.clear()
        assert (await p.sync()).exit_code == (3 if p.quarantined() else 0)
        assert len(p.stored) == 303 - len(p.quarantined())
        assert set(p.recorder.times.values()) == {1}


async def test_many_messages_that_do_not_come_keep_no_other_from_coming(play):
    def action(command: Command, reply: Reply) -> Reply | None:
        return next(
            (refused for uid in range(261, 301) if (refused := refuses(uid, b"NO cannot")(command, reply))), None
        )

    async with play(many(bodies(action))) as p:
        assert (await p.sync()).exit_code == 3
        assert sorted(p.quarantined()) == list(range(261, 301))
        assert len(p.stored) == 263
        assert set(p.recorder.times.values()) == {1}
