"""No secret in any text that can leave the process, and no command that changes anything."""

import base64
import contextlib
import gc
import logging
import traceback
from urllib.parse import quote

import pytest

from services.common.errors import MailweirError
from services.poller.imap import errors as errors_module
from services.poller.imap import sasl
from services.poller.imap.encode import string
from services.poller.imap.errors import ImapError
from services.poller.imap.exchange import ALLOWED, Exchange
from services.poller.imap.model import Credentials, Endpoint
from services.poller.imap.session import Session
from tests.fakes.imap_model import Mailbox, Reply, Script, closes, messages, on, says
from tests.fakes.imap_server import harmless
from tests.unit.poller.imap.conftest import QUICK

CANARY = "cän/ary+Zx81=="
FORMS = (CANARY, base64.b64encode(CANARY.encode()).decode(), quote(CANARY), f"\\0{CANARY}", "n/ary+Zx81")


ANYWHERE = Endpoint("h")


def clean_of_canary(text: str) -> bool:
    return not any(form in text for form in FORMS)


@pytest.mark.parametrize(
    "capabilities", [("IMAP4rev1",), ("IMAP4rev1", "AUTH=PLAIN"), ("IMAP4rev1", "AUTH=PLAIN", "SASL-IR")]
)
@pytest.mark.parametrize("hooks", [
    [on("LOGIN", says("NO no")), on("AUTHENTICATE", says("NO no"))],
    [on("LOGIN", says("BAD what")), on("AUTHENTICATE", says("BAD what"))],
    [on("LOGIN", closes()), on("AUTHENTICATE", closes())],
    [on("LOGIN", lambda *_: Reply(silent=True)), on("AUTHENTICATE", lambda *_: Reply(silent=True))],
    [on("LOGIN", lambda *_: Reply(raw=b"X9 OK no\r\n")), on("AUTHENTICATE", lambda *_: Reply(raw=b"X9 OK no\r\n"))],
])  # fmt: skip
async def test_no_canary_in_logs_or_errors(play, caplog, capabilities, hooks):
    caplog.set_level(logging.DEBUG)
    user = Credentials("user@example.com", CANARY)
    script = Script(capabilities=capabilities, users={user.user: CANARY}, hooks=hooks)
    async with play(script, user=None, limits=QUICK) as (session, _):
        with pytest.raises(ImapError) as caught:
            await session.sign_in(user)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(vars(caught.value))
        exchanges = [repr(x) for x in gc.get_objects() if isinstance(x, Exchange)]
        assert clean_of_canary(shown + caplog.text + "".join(exchanges) + repr(user) + repr(string(CANARY.encode())))


@pytest.mark.parametrize(
    "form", ["{secret}", "{base64}", "user=x auth=Bearer {secret}", '"{secret}" is wrong', "{url}"]
)
@pytest.mark.parametrize("answer", ["NO [ALERT] wrong: {}", "NO [{}] wrong", "BAD {}", "BYE"])
async def test_server_that_repeats_the_secret(play, form, answer):
    told = form.format(secret=CANARY, base64=base64.b64encode(CANARY.encode()).decode(), url=quote(CANARY))
    leaves = closes(f"* OK [ALERT] you said {told}", f"* BYE {told}")
    action = leaves if answer == "BYE" else says(answer.format(told))
    async with play(Script(hooks=[on("LOGIN", action)]), user=None) as (session, _):
        with pytest.raises(ImapError) as caught:
            await session.sign_in(Credentials("user@example.com", CANARY))
        shown = str(caught.value) + repr(vars(caught.value)) + repr(session.take_events())
        assert "***" in shown or "[{}]" in answer
        assert clean_of_canary(shown)


LONG = "ya29." + "".join(chr(97 + 7 * i % 26) + str(i) for i in range(400))
OAUTH = Credentials("user@example.com", LONG, token=True)


@pytest.mark.parametrize("answer", ["NO [ALERT] {} is no token", "BAD too long: {}", "BYE"])
@pytest.mark.parametrize("form", [
    LONG[:90], LONG[50:140], LONG.upper()[:90], sasl.initial_response("XOAUTH2", OAUTH, ANYWHERE)[30:200].decode(),
])  # fmt: skip
async def test_server_that_repeats_a_piece_of_the_secret(play, answer, form):
    action = closes(f"* BYE bad {form}") if answer == "BYE" else says(answer.format(form))
    script = Script(capabilities=("IMAP4rev1", "AUTH=XOAUTH2", "SASL-IR"), hooks=[on("AUTHENTICATE", action)])
    async with play(script, user=None) as (session, _):
        with pytest.raises(ImapError) as caught:
            await session.sign_in(OAUTH)
        shown = str(caught.value) + repr(vars(caught.value)) + repr(session.take_events())
        assert "***" in shown
        assert not any(form[at : at + 12].lower() in shown.lower() for at in range(len(form) - 11))


def test_only_a_longer_piece_is_struck_out():
    hidden = sasl.traces(Credentials("u", "my password is long"), ANYWHERE)
    assert sasl.struck(b"NO the password is wrong", hidden) == b"NO the password is wrong"
    assert sasl.struck(b"NO my password is lo", hidden) == b"NO ***"


def test_only_reading_commands_exist():
    reading = "CAPABILITY ID LOGIN AUTHENTICATE STARTTLS ENABLE NAMESPACE LIST STATUS EXAMINE NOOP IDLE UNSELECT LOGOUT"
    assert set(reading.split()) | {"NOTIFY", "UID FETCH", "UID SEARCH"} == ALLOWED
    assert all(harmless(name) for name in ALLOWED)
    assert not any(harmless(x) for x in ("SELECT INBOX", "UID STORE 1 FLAGS ()", "CLOSE", "UID FETCH 1 BODY[]"))


async def test_changing_commands_cannot_be_sent(play):
    async with play(Script({b"INBOX": Mailbox(messages(1))})) as (session, server):
        await session.examine(b"INBOX")
        for name in (
            "SELECT",
            "STORE",
            "UID STORE",
            "EXPUNGE",
            "CLOSE",
            "APPEND",
            "DELETE",
            "UID",
            "NOOP\r\nA1 DELETE",
        ):
            with pytest.raises(AssertionError, match="read-only"):
                await session._connection.begin(name, (), frozenset())
        assert server.commands("NOOP") == []
        assert session.alive


async def test_injection_through_every_text_argument(play):
    evil = "x\r\nA9 DELETE INBOX"
    async with play(Script({evil.encode(): Mailbox()}, capabilities=("IMAP4rev1", "ID"))) as (session, server):
        await session.examine(evil.encode())
        with contextlib.suppress(ValueError):
            await session.identify({"name": evil})
        with pytest.raises(ValueError, match="NUL"):
            await session.examine(b"a\0b")
        assert server.commands("DELETE") == []
        assert not any(line.upper().startswith("A9") for line in server.commands())


def test_failures_carry_their_exit_codes():
    errors = [k for k in vars(errors_module).values() if isinstance(k, type) and issubclass(k, ImapError)]
    assert len(errors) > 20
    assert all(issubclass(kind, MailweirError) and kind.exit_code in {2, 3, 4, 5} and kind.__doc__ for kind in errors)
    allowed = {
        "credential",
        "ambiguous",
        "temporary",
        "throttled",
        "configuration",
        "tls",
        "network",
        "unknown",
    }
    assert {kind.state for kind in errors} == allowed


def test_session_has_no_method_that_changes():
    words = {"store", "append", "copy", "move", "expunge", "create", "delete", "rename", "subscribe", "select"}
    assert not words & {name for name in dir(Session) if not name.startswith("_")}
