"""Scenario 14: throttling, limits, goodbyes."""

import time

import pytest

from tests.fakes.imap_model import (
    Mailbox,
    Reply,
    Script,
    closes,
    messages,
    on,
    says,
)


def ten(**more) -> Script:
    return Script({b"INBOX": Mailbox(messages(10))}, **more)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("NO Request is throttled. Suggested Backoff Time: 200 milliseconds", "throttled"),
        ("BAD Request is throttled. Suggested Backoff Time: 200 milliseconds", "throttled"),
        ("NO [OVERQUOTA] Account exceeded command or bandwidth limits", "throttled"),
        ("NO [LIMIT] Rate limit hit", "throttled"),
        ("NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded", "throttled"),
        ("NO User is authenticated but not connected.", "throttled"),
    ],
)
async def test_throttling_is_respected_and_named(play, text, state):
    script = ten()
    script.hooks.append(on("EXAMINE", says(text)))
    async with play(script, attempts=2) as p:
        result = await p.sync()
        assert (result.exit_code, p.signin()) == (3, state)
        assert result.advice
        assert len(p.server.commands("EXAMINE")) <= 2


@pytest.mark.parametrize("has", ["BODY.PEEK[]", ""])
async def test_throttled_once_then_well(play, has):
    script = ten()
    text = "NO Request is throttled. Suggested Backoff Time: 300 milliseconds"
    script.hooks.append(on("UID FETCH", says(text), has=has, times=1))
    async with play(script) as p:
        started = time.monotonic()
        assert (await p.sync()).exit_code == 0
        assert time.monotonic() - started >= 0.3
        assert p.complete()


async def test_limit_with_bye(play):
    script = ten()
    script.hooks.append(
        on(
            "CAPABILITY",
            lambda _c, _r: Reply([b"* BYE rate limit\r\n"], b"NO [LIMIT] Rate limit hit", close=True),
            times=1,
        )
    )
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_throttled_inside_ok(play):
    script = ten()
    script.hooks.append(
        on("UID FETCH", lambda _c, r: setattr(r, "tagged", b"OK Success [THROTTLED]"), has="BODY.PEEK[]")
    )
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_session_that_expires_in_the_middle(play):
    script = ten()
    script.hooks.append(on("UID FETCH", closes("* BYE Session expired, please login again."), skip=2, times=1))
    async with play(script, batch_messages=3) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_greeting_that_says_bye_once(play):
    script = ten()
    script.hooks.append(on("GREETING", lambda _c, _r: Reply(raw=b"* BYE too busy\r\n", close=True), times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
