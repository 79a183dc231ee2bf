import base64
import json

import pytest

from services.poller.imap.errors import (
    AmbiguousRefusal,
    ConnectionLost,
    CredentialRefused,
    IdentificationWanted,
    OperationTimeout,
    SignInBarred,
    SignInImpossible,
    Temporary,
    Throttled,
    TokenRefused,
    TooManyConnections,
)
from services.poller.imap.model import Credentials
from tests.fakes.imap_model import PASSWORD, Reply, Script, closes, on, says
from tests.unit.poller.imap.conftest import QUICK, USER

TOKEN = "ya29.token-canary"
OAUTH = Credentials("user@example.com", TOKEN, token=True)
PLAIN_IR = ("IMAP4rev1", "AUTH=PLAIN", "SASL-IR")


async def sign_in(play, script: Script, user: Credentials = USER, **options: object) -> tuple[str, list[str]]:
    async with play(script, user=user, **options) as (session, server):
        return session.facts.mechanism, server.commands()


@pytest.mark.parametrize(
    ("capabilities", "mechanism"),
    [
        (("IMAP4rev1",), "LOGIN"),
        (("IMAP4rev1", "AUTH=PLAIN"), "PLAIN"),
        (PLAIN_IR, "PLAIN"),
        ((*PLAIN_IR, "LOGINDISABLED"), "PLAIN"),
    ],
)
async def test_password_mechanisms(play, capabilities, mechanism):
    used, lines = await sign_in(play, Script(capabilities=capabilities))
    assert used == mechanism
    assert lines[-1] == "CAPABILITY"
    assert not any(PASSWORD in line for line in lines)


@pytest.mark.parametrize("where", ["untagged", "greeting", "ok", "nowhere"])
async def test_capabilities_wherever_they_are_told(play, where):
    script = Script(capabilities=("IMAP4rev1",), signed_in=("IMAP4rev1", "IDLE"), capability_in=where)
    async with play(script) as (session, _):
        assert session.has("IDLE") == (where != "nowhere")


async def test_login_carries_any_character(play):
    for secret in ('quo"te\\back', "中文密码", "with space", "x" * 600):
        script = Script(users={"user@example.com": secret})
        assert (await sign_in(play, script, Credentials("user@example.com", secret)))[0] == "LOGIN"


@pytest.mark.parametrize("secret", ["a\r\nb", "a\0b", ""])
async def test_characters_that_no_mechanism_carries(play, secret):
    with pytest.raises(SignInImpossible) as caught:
        await sign_in(play, Script(), Credentials("user@example.com", secret))
    assert repr(secret) not in str(caught.value)


async def test_login_disabled_is_configuration(play):
    with pytest.raises(SignInImpossible, match="OAuth"):
        await sign_in(play, Script(capabilities=("IMAP4rev1", "LOGINDISABLED")))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("NO [AUTHENTICATIONFAILED] wrong", CredentialRefused),
        ("NO [AUTHORIZATIONFAILED] wrong", CredentialRefused),
        ("NO [EXPIRED] code", CredentialRefused),
        ("NO Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or "
         "system is busy", AmbiguousRefusal),
        ("NO LOGIN failed", AmbiguousRefusal),
        ("NO Please using authorized code: 请使用授权码登录", CredentialRefused),
        ("NO 安全登录已开启，请使用客户端专用密码登录", CredentialRefused),
        ("NO [ALERT] Please log in via your web browser: https://support.example (Failure)", SignInBarred),
        ("NO [UNAVAILABLE] later", Temporary),
        ("NO [CONTACTADMIN] trouble", Temporary),
        ("NO System busy, try again later", Temporary),
        ("NO [LIMIT] slow down", Throttled),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", TooManyConnections),
        ("NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded", TooManyConnections),
        ("NO User is authenticated but not connected.", TooManyConnections),
        ("NO [PRIVACYREQUIRED] no", SignInImpossible),
        ("NO LOGIN Unsafe Login. Please contact", IdentificationWanted),
        ("NO LOGIN failed. Basic authentication is disabled.", SignInBarred),
        ("NO AUTHENTICATE failed: basic auth has been blocked", SignInBarred),
        ("NO LOGIN is disabled", SignInBarred),
        ("NO [ALERT] Plaintext authentication disallowed", SignInBarred),
        ("NO IMAP access is disabled for your domain", SignInBarred),
        ("NO Your account is not enabled for IMAP use.", SignInBarred),
        ("NO 您的邮箱未开启IMAP服务", SignInBarred),
        ("NO IMAP service is not open, or the password is incorrect", AmbiguousRefusal),
        ("BAD Request is throttled. Suggested Backoff Time: 300 milliseconds", Throttled),
    ],
)  # fmt: skip
async def test_refusals_by_meaning(play, answer, error):
    with pytest.raises(error) as caught:
        await sign_in(play, Script(hooks=[on("LOGIN", says(answer))]))
    assert type(caught.value) is error
    assert PASSWORD not in str(caught.value)


async def test_refusal_text_in_gbk_is_readable(play):
    with pytest.raises(AmbiguousRefusal, match="登录失败"):
        await sign_in(play, Script(hooks=[on("LOGIN", says("NO 登录失败".encode("gbk")))]))


@pytest.mark.parametrize("answer", ["BAD unknown", "NO [CANNOT] no", "NO unsupported authentication mechanism"])
@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
async def test_a_mechanism_that_is_not_there_is_no_question_of_the_token(play, mechanism, answer):
    script = Script(hooks=[on("AUTHENTICATE", says(answer))], tokens={OAUTH.user: TOKEN})
    with pytest.raises(SignInBarred):
        await sign_in(play, script, Credentials(OAUTH.user, TOKEN, mechanism, token=True))


async def test_the_offered_mechanism_follows_one_that_is_refused_as_such(play):
    refused = on("AUTHENTICATE", says("BAD no such mechanism"), has="XOAUTH2")
    script = Script(capabilities=("IMAP4rev1", "AUTH=OAUTHBEARER"), tokens={OAUTH.user: TOKEN}, hooks=[refused])
    assert (await sign_in(play, script, Credentials(OAUTH.user, TOKEN, "xoauth2", token=True)))[0] == "OAUTHBEARER"


async def test_a_limit_told_in_the_challenge_is_no_refusal_of_the_token(play):
    script = Script(capabilities=("IMAP4rev1", "AUTH=XOAUTH2"), challenge=b"eyJzdGF0dXMiOiI0MjkifQ==")
    with pytest.raises(Throttled):
        await sign_in(play, script, OAUTH)


async def test_wrong_code_is_tried_once(play):
    script = Script(capabilities=PLAIN_IR, users={"user@example.com": "other"})
    async with play(script, user=None) as (session, server):
        with pytest.raises(CredentialRefused):
            await session.sign_in(USER)
        assert [line.split()[0] for line in server.commands()] == ["CAPABILITY", "AUTHENTICATE"]


@pytest.mark.parametrize("answer", ["BAD no such mechanism", "NO [CANNOT] not PLAIN"])
async def test_mechanism_refused_means_the_next_one(play, answer):
    script = Script(capabilities=PLAIN_IR, hooks=[on("AUTHENTICATE", says(answer))])
    assert (await sign_in(play, script))[0] == "LOGIN"


@pytest.mark.parametrize("user", ["DOMAIN\\user", "user/shared"])
async def test_login_is_preferred_for_exchange_names(play, user):
    script = Script(capabilities=PLAIN_IR, users={user: PASSWORD})
    assert (await sign_in(play, script, Credentials(user, PASSWORD)))[0] == "LOGIN"


async def test_exchange_names_sign_in_by_plain_where_login_is_disabled(play):
    user = "DOMAIN\\user"
    script = Script(capabilities=(*PLAIN_IR, "LOGINDISABLED"), users={user: PASSWORD})
    assert (await sign_in(play, script, Credentials(user, PASSWORD)))[0] == "PLAIN"


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("initial", [(), ("SASL-IR",)])
async def test_tokens(play, mechanism, initial):
    user = "od,d=name@example.com"
    script = Script(capabilities=("IMAP4rev1", f"AUTH={mechanism}", *initial), tokens={user: TOKEN})
    used, lines = await sign_in(play, script, Credentials(user, TOKEN, token=True))
    assert used == mechanism
    assert not any(TOKEN in line for line in lines)


async def test_oauthbearer_comes_first(play):
    script = Script(capabilities=("IMAP4rev1", "AUTH=XOAUTH2", "AUTH=OAUTHBEARER"), tokens={OAUTH.user: TOKEN})
    assert (await sign_in(play, script, OAUTH))[0] == "OAUTHBEARER"


@pytest.mark.parametrize(("mechanism", "end"), [("XOAUTH2", "DONE "), ("OAUTHBEARER", "DONE AQ==")])
@pytest.mark.parametrize(("challenge", "status"), [({"status": "401"}, "401"), ({"status": 400}, "400"), (None, "")])
async def test_error_challenge_gets_its_terminator(play, mechanism, end, challenge, status):
    text = base64.b64encode(json.dumps(challenge).encode()) if challenge else b"!! not base64"
    script = Script(capabilities=("IMAP4rev1", f"AUTH={mechanism}", "SASL-IR"), challenge=text)
    async with play(script, user=None) as (session, server):
        with pytest.raises(TokenRefused) as caught:
            await session.sign_in(OAUTH)
        assert caught.value.status == status
        assert server.commands()[-1] == end
        assert session.alive


async def test_token_refused_without_a_challenge_and_closed(play):
    capabilities = ("IMAP4rev1", "AUTH=XOAUTH2", "SASL-IR")
    hooks = [on("AUTHENTICATE", says("NO AUTHENTICATE failed."))]
    with pytest.raises(AmbiguousRefusal):
        await sign_in(play, Script(capabilities=capabilities, hooks=hooks), OAUTH)
    with pytest.raises(ConnectionLost):
        await sign_in(play, Script(capabilities=capabilities, hooks=[on("AUTHENTICATE", closes())]), OAUTH)
    challenge = base64.b64encode(b'{"status": "503"}')
    with pytest.raises(Temporary):
        await sign_in(play, Script(capabilities=capabilities, challenge=challenge), OAUTH)


async def test_token_with_foreign_characters_never_leaves(play):
    with pytest.raises(SignInImpossible, match="RFC 6750"):
        await sign_in(play, Script(), Credentials("user@example.com", "to\1ken", token=True))


async def test_silent_server_at_sign_in(play):
    with pytest.raises(OperationTimeout):
        await sign_in(play, Script(hooks=[on("LOGIN", lambda *_: Reply(silent=True))]), limits=QUICK)


def test_secret_has_no_text_form():
    assert PASSWORD not in repr(USER)


async def test_server_that_overlooks_the_initial_response(play):
    script = Script(capabilities=PLAIN_IR)
    script.hooks.append(on("AUTHENTICATE", lambda command, _reply: setattr(command, "arguments", b"PLAIN")))
    assert (await sign_in(play, script))[0] == "PLAIN"
