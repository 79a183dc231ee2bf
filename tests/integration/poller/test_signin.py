"""Scenarios 9 to 13 and 22: sign-in in all its forms, and what a person is told."""

import pytest

from tests.fakes.imap_model import PASSWORD, Mailbox, Reply, Script, adds, closes, messages, on, says


def three(**more) -> Script:
    return Script({b"INBOX": Mailbox(messages(3))}, **more)


@pytest.mark.parametrize(
    ("text", "code", "state"),
    [
        ("NO [AUTHENTICATIONFAILED] wrong", 4, "credential"),
        ("NO [AUTHORIZATIONFAILED] no", 4, "credential"),
        ("NO [EXPIRED] your code ended", 4, "credential"),
        ("NO LOGIN failed", 4, "ambiguous"),
        (
            "NO Login fail. Account is abnormal, service is not open, password is incorrect, or system is busy",
            4,
            "ambiguous",
        ),
        ("NO 登录失败：请使用授权码登录".encode("gbk"), 4, "credential"),
        ("NO [UNAVAILABLE] try later", 3, "temporary"),
        ("NO [PRIVACYREQUIRED] no", 2, "configuration"),
        ("NO [CONTACTADMIN] blocked", 3, "temporary"),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", 3, "throttled"),
    ],
)
async def test_a_refusal_is_classed_and_explained(play, text, code, state):
    script = three()
    script.hooks.append(on("LOGIN", says(text)))
    async with play(script) as p:
        result = await p.sync()
        assert (result.exit_code, p.signin()) == (code, state)
        assert result.advice
        assert PASSWORD not in str(p.recorder.events)
        assert len(p.server.commands("LOGIN")) <= 5


async def test_wrong_secret_is_not_tried_twice(play):
    async with play(three()) as p:
        p.secret = "wrong"
        assert (await p.sync()).exit_code == 4
        assert len(p.server.commands("LOGIN")) == 1


@pytest.mark.parametrize("text", ["NO [UNAVAILABLE] try later", "NO [INUSE] busy", "NO system busy, try again later"])
async def test_a_temporary_refusal_is_tried_again(play, text):
    script = three()
    script.hooks.append(on("LOGIN", says(text), times=2))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_a_refusal_without_reason_is_tried_again_slowly(play):
    script = three()
    script.hooks.append(on("LOGIN", says("NO Login fail. password incorrect or system is busy"), times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_login_disabled(play):
    async with play(three(capabilities=("IMAP4rev1", "LOGINDISABLED", "AUTH=XOAUTH2"))) as p:
        result = await p.sync()
        assert (result.exit_code, p.signin()) == (2, "configuration")
        assert p.server.commands("LOGIN") == []


@pytest.mark.parametrize("where", ["greeting", "ok", "untagged", "nowhere"])
async def test_capabilities_wherever_they_are(play, where):
    async with play(three(capability_in=where)) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_unsafe_login_without_id(play):
    async with play(three(capabilities=("IMAP4rev1", "ID"), needs_id=True)) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert len(p.server.commands("ID")) == 1


async def test_unsafe_login_for_ever_is_explained(play):
    script = three(capabilities=("IMAP4rev1", "ID"))
    script.hooks.append(on("EXAMINE", says("NO EXAMINE Unsafe Login. Please contact kefu@188.com for help")))
    async with play(script) as p:
        result = await p.sync()
        assert (result.exit_code, p.signin()) == (4, "configuration")
        assert result.advice


async def test_a_server_that_wants_id_before_the_sign_in_gets_it(play):
    script = three(capabilities=("IMAP4rev1", "ID"))
    script.hooks.append(on("LOGIN", says("NO LOGIN Unsafe Login. Please contact kefu@188.com"), times=1))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        first, second = (index for index, line in enumerate(p.server.commands()) if line.startswith("LOGIN"))
        assert any(line.startswith("ID ") for line in p.server.commands()[first:second])
        assert p.server.connections == 1


async def test_id_that_was_advertised_before_the_sign_in_only_is_sent_where_it_is_wanted(play):
    script = three(capabilities=("IMAP4rev1", "ID"), signed_in=("IMAP4rev1",), needs_id=True)
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert len(p.server.commands("ID")) == 1


@pytest.mark.parametrize("action", [closes(), says("BAD no", close=True)])
async def test_login_follows_where_authenticate_ends_the_connection(play, action):
    script = three(capabilities=("IMAP4rev1", "AUTH=PLAIN"))
    script.hooks.append(on("AUTHENTICATE", action))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert len(p.server.commands("AUTHENTICATE")) == 1


@pytest.mark.parametrize("action", [says("BAD what"), says("NO no"), says("OK", "* ID NIL"), says("OK")])
async def test_any_answer_to_id_is_tolerated(play, action):
    script = three(capabilities=("IMAP4rev1", "ID"))
    script.hooks.append(on("ID", action))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_id_that_kills_the_connection_is_not_sent_again(play):
    script = three(capabilities=("IMAP4rev1", "ID"))
    script.hooks.append(on("ID", closes("* BYE go away")))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()
        assert len(p.server.commands("ID")) == 1


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("extra", [(), ("SASL-IR",)])
async def test_tokens(play, auth, extra):
    capabilities = ("IMAP4rev1", f"AUTH={auth.upper()}", *extra)
    script = three(capabilities=capabilities, tokens={"user@example.com": "token-1"})
    async with play(script, {"auth": auth}) as p:
        p.secret = "token-1"
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("challenge", [b"eyJzdGF0dXMiOiI0MDAifQ==", b"!!! not base64", b""])
async def test_refused_token(play, auth, challenge):
    script = three(capabilities=("IMAP4rev1", f"AUTH={auth.upper()}"), challenge=challenge)
    async with play(script, {"auth": auth}) as p:
        p.secret = "token-1"
        result = await p.sync()
        assert (result.exit_code, p.signin()) in {(4, "credential"), (4, "consent"), (4, "ambiguous")}
        assert result.advice
        assert len(p.server.commands("AUTHENTICATE")) <= 4


async def test_close_during_authenticate_is_temporary(play):
    script = three(capabilities=("IMAP4rev1", "AUTH=XOAUTH2"), tokens={"user@example.com": "token-1"})
    script.hooks.append(on("AUTHENTICATE", closes(), times=1))
    async with play(script, {"auth": "xoauth2"}) as p:
        p.secret = "token-1"
        assert (await p.sync()).exit_code == 0
        assert p.complete()


async def test_starttls(play):
    async with play(three(tls="starttls")) as p:
        assert (await p.sync()).exit_code == 0
        assert p.complete()


@pytest.mark.parametrize(
    "hook",
    [
        on("STARTTLS", says("NO not now")),
        on("STARTTLS", says("BAD what")),
        on("STARTTLS", lambda _c, r: setattr(r, "after", b"* OK injected\r\n")),
        on("STARTTLS", lambda _c, _r: Reply(raw=b"zz9 OK early\r\n", close=True)),
        on("GREETING", lambda _c, _r: Reply(raw=b"* PREAUTH welcome\r\n")),
        on("STARTTLS", closes()),
    ],
)
async def test_starttls_that_fails_is_final(play, hook):
    script = three(tls="starttls")
    script.hooks.append(hook)
    async with play(script) as p:
        assert (await p.sync()).exit_code == 5
        assert p.server.commands("LOGIN") == []


@pytest.mark.parametrize("certificate", ["expired", "wrong-name", "self-signed"])
async def test_certificate_that_does_not_verify(play, certificate):
    async with play(three(certificate=certificate)) as p:
        result = await p.sync()
        assert (result.exit_code, p.signin()) == (5, "tls")
        assert p.server.commands("LOGIN") == []
        assert p.server.connections <= 1


@pytest.mark.parametrize(("legacy", "code"), [(False, 5), (True, 0)])
async def test_old_ciphers_only_with_the_switch(play, legacy, code):
    async with play(three(ciphers="AES256-GCM-SHA384"), legacy_tls=legacy) as p:
        result = await p.sync()
        assert result.exit_code == code
        assert legacy or "legacy_tls" in result.advice + result.failure


async def test_port_closed_and_unknown_host(play):
    async with play(three()) as p:
        p.account["host"] = "no-such-host.invalid"
        result = await p.sync()
        assert (result.exit_code, p.signin()) == (5, "network")
        assert "no-such-host.invalid" in result.failure
        assert p.server.connections == 0


async def test_what_a_server_warns_of_is_told_once(play, caplog):
    script = three(greeting=b"* OK [ALERT] maintenance at \x1b[31mnight\r\n")
    script.hooks.append(on("UID FETCH", adds("* OK [ALERT] your mailbox is nearly full", "* OK [ALERT] of no news")))
    async with play(script) as p:
        assert (await p.sync()).exit_code == 0
        assert len(p.server.commands("UID FETCH")) > 1
    told = [record.getMessage().partition(": the server warns: ")[2] for record in caplog.records]
    assert [text for text in told if text] == ["maintenance at [31mnight", "your mailbox is nearly full", "of no news"]
