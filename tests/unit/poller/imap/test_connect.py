import asyncio
import contextlib
import socket
import ssl
import threading
import time

import pytest

from services.common import guard
from services.poller.imap import connect
from services.poller.imap.errors import (
    ConnectionLost,
    NetworkError,
    OperationTimeout,
    ProtocolViolation,
    ResponseTooLarge,
    ServerBye,
    Throttled,
    TlsCompatibility,
    TlsSecurity,
)
from services.poller.imap.model import Endpoint, Limits
from services.poller.imap.session import Session
from tests.fakes.imap_model import Reply, Script, closes, on, says
from tests.fakes.imap_server import serve
from tests.fakes.imap_tls import server_context, write_ca
from tests.fakes.ports import closed_port, nobody_knows
from tests.polling import until_meanwhile
from tests.unit.poller.imap.conftest import QUICK, USER


async def attempt(play, script: Script, **options):
    async with play(script, user=None, **options):
        pass


async def test_only_public_addresses_are_connected_to_where_nothing_else_is_allowed(tmp_path):
    async with serve(Script(), tmp_path) as server:
        endpoint = Endpoint("localhost", server.port, "implicit", server.ca_file, public_only=True)
        with pytest.raises(NetworkError, match=r"^localhost leads to an address that is not public, which its setting"):
            await Session.open(endpoint, QUICK)
        assert server.connections == 0
        checked = Endpoint("localhost", server.port, "implicit", server.ca_file, False, ("127.0.0.1",), True)
        (await Session.open(checked, QUICK)).close()


async def test_a_public_name_is_looked_up_once_and_connected_to_where_it_led(monkeypatch):
    asked = []

    async def system(host, port):
        asked.append(host)
        return ["8.8.8.8", "8.8.4.4"]

    monkeypatch.setattr(guard, "lookup", system)
    endpoint = Endpoint("imap.example.org", public_only=True)
    assert await connect._targets(endpoint) == ("8.8.8.8", "8.8.4.4")
    assert asked == ["imap.example.org"]


async def test_facts_of_a_verified_connection(play):
    async with play(Script(greeting=b"* OK [ALERT] hello \x1b[31mthere\r\n"), user=None) as (session, _):
        assert session.facts.tls_version in {"TLSv1.2", "TLSv1.3"}
        assert session.facts.certificate_names == ("localhost",)
        assert session.facts.certificate_issuer == "Fake CA"
        assert time.time() + 86_400 < session.facts.certificate_ends < time.time() + 3 * 86_400
        assert session.facts.greeting == "hello [31mthere"
        assert session.take_alerts() == ("hello [31mthere",)


@pytest.mark.parametrize("kind", ["expired", "wrong-name", "self-signed", "subject-name"])
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_bad_certificates_are_refused(play, kind, tls):
    with pytest.raises(TlsSecurity, match="certificate"):
        await attempt(play, Script(certificate=kind, tls=tls))
    with pytest.raises(TlsSecurity):
        await attempt(play, Script(certificate=kind, tls=tls), legacy=True)


async def test_legacy_ciphers_need_the_switch(play):
    script = Script(ciphers="AES256-GCM-SHA384")
    with pytest.raises(NetworkError, match="legacy_tls"):  # asyncio's servers close without an alert
        await attempt(play, script)
    async with play(script, user=None, legacy=True) as (session, _):
        assert session.facts.tls_cipher == "AES256-GCM-SHA384"


async def test_handshake_alert_names_the_switch(tmp_path):
    context = server_context("good", "AES256-GCM-SHA384", tmp_path)

    def refuse(listener: socket.socket) -> None:
        raw, _ = listener.accept()
        with raw, contextlib.suppress(ssl.SSLError):
            context.wrap_socket(raw, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,))
        thread.start()
        endpoint = Endpoint("localhost", listener.getsockname()[1], ca_file=write_ca(tmp_path))
        with pytest.raises(TlsCompatibility, match="legacy_tls"):
            await Session.open(endpoint, QUICK)
        thread.join()


async def test_starttls_asks_capabilities_again(play):
    def lies(_command, reply):
        reply.untagged.append(b"* CAPABILITY IMAP4rev1 X-IN-CLEAR\r\n")

    async with play(Script(tls="starttls", hooks=[on("STARTTLS", lies)])) as (session, server):
        assert not session.has("X-IN-CLEAR")
        assert server.commands()[:2] == ["STARTTLS", "CAPABILITY"]


async def test_starttls_refused_or_missing(play):
    for answer in ("NO not here", "BAD unknown"):
        with pytest.raises(TlsSecurity, match="refused STARTTLS"):
            await attempt(play, Script(tls="starttls", hooks=[on("STARTTLS", says(answer))]))


async def test_bytes_behind_the_answer_to_starttls(play):
    for extra in (b"* CAPABILITY IMAP4rev1\r\n", b"* CAPA", b"A1 OK done\r\n"):
        reply = Reply(after=extra)
        with pytest.raises(TlsSecurity, match="between its answer to STARTTLS"):
            await attempt(play, Script(tls="starttls", hooks=[on("STARTTLS", lambda *_, reply=reply: reply)]))


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_preauth_is_refused(play, tls):
    with pytest.raises(TlsSecurity if tls == "starttls" else ProtocolViolation, match="PREAUTH"):
        await attempt(play, Script(tls=tls, greeting=b"* PREAUTH welcome\r\n"))


async def test_text_in_clear_is_not_shown(play):
    with pytest.raises(ServerBye) as caught:
        await attempt(play, Script(tls="starttls", greeting=b"* BYE go to evil.example\r\n"))
    assert "evil" not in str(caught.value)


async def test_early_tagged_answer_closes(play):
    with pytest.raises(ProtocolViolation, match="not sent"):
        await attempt(play, Script(greeting=b"* OK hi\r\nA1 OK done\r\n"))


async def test_greetings_that_say_no(play):
    with pytest.raises(Throttled):
        await attempt(play, Script(greeting=b"* BYE Too many connections from your address\r\n"))
    with pytest.raises(ServerBye):
        await attempt(play, Script(greeting=b"* BYE going down\r\n"))
    limit = Reply(tagged=b"NO [LIMIT] Rate limit hit", after=b"* BYE come later\r\n", close=True)
    hooks = [on("CAPABILITY", lambda *_: limit)]
    with pytest.raises(Throttled):
        await attempt(play, Script(hooks=hooks))


async def test_silence_close_and_noise_before_the_sign_in(play):
    with pytest.raises(OperationTimeout):
        await attempt(play, Script(hooks=[on("GREETING", lambda *_: Reply(silent=True))]), limits=QUICK)
    with pytest.raises(ConnectionLost):
        await attempt(play, Script(hooks=[on("GREETING", closes())]))
    with pytest.raises(ResponseTooLarge):
        await attempt(play, Script(greeting=b"* OK hi\r\n" + b"* NOISE\r\n" * 8000))


@pytest.mark.parametrize("greeting", [b"* NO go away\r\n", b"* PREAUTH welcome\r\n", b"* BYE later\r\n", None])
async def test_a_connection_that_leads_nowhere_is_closed(tmp_path, greeting):
    script = Script(greeting=greeting) if greeting else Script(hooks=[on("GREETING", lambda *_: Reply(silent=True))])
    async with serve(script, tmp_path) as server:
        endpoint = Endpoint("localhost", server.port, ca_file=server.ca_file)
        with pytest.raises(NetworkError if greeting is None else (ProtocolViolation, ServerBye)) as caught:
            await Session.open(endpoint, Limits(connect_timeout=0.5 if greeting is None else 60, command_timeout=60))
        await until_meanwhile(lambda: server.connections and not server.open_now, 5)
        assert caught.value is not None  # held until here: what it refers to was not let go by chance


async def test_a_port_that_waits_for_the_client_is_told_apart(tmp_path):
    script = Script(tls="starttls", hooks=[on("GREETING", lambda *_: Reply(silent=True))])
    async with serve(script, tmp_path) as server:
        for tls in ("starttls", "implicit"):
            endpoint = Endpoint("localhost", server.port, tls, server.ca_file)
            with pytest.raises(OperationTimeout) as caught:
                await Session.open(endpoint, Limits(connect_timeout=0.3, command_timeout=60))
            assert caught.value.about == ("port" if tls == "starttls" else "")


async def test_dribbling_greeting_is_dead(play):
    async def dribble(_command, reply):
        reply.raw, reply.pace = b"* OK " + b"x" * 500, (1, 0.1)

    with pytest.raises(OperationTimeout, match="slower"):
        await attempt(play, Script(hooks=[on("GREETING", dribble)]), limits=QUICK)


async def test_unreachable(monkeypatch):
    with closed_port() as port, pytest.raises(NetworkError, match="refused the connection"):
        await Session.open(Endpoint("localhost", port), QUICK)
    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    with pytest.raises(NetworkError, match="cannot be resolved"):
        await Session.open(Endpoint("no-such-host.invalid"), QUICK)


async def test_a_port_that_never_speaks_tls():
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK plain\r\n")
        await reader.read()
        writer.transport.abort()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TlsCompatibility, match="does not speak TLS"):
            await Session.open(Endpoint("localhost", port), QUICK)
        await done.wait()


async def test_checked_addresses_are_used_and_the_name_verified(tmp_path):
    async with serve(Script(), tmp_path) as server:
        endpoint = Endpoint("localhost", server.port, ca_file=server.ca_file, addresses=("127.0.0.2", "127.0.0.1"))
        session = await Session.open(endpoint, QUICK)
        assert session.facts.address == "127.0.0.1"
        session.close()
        other = Endpoint("mail.example.org", server.port, ca_file=server.ca_file, addresses=("127.0.0.1",))
        with pytest.raises(TlsSecurity):
            await Session.open(other, QUICK)


async def test_connect_timeout_is_its_own_limit(play):
    async def slow(_command, reply):
        reply.stall = 5.0

    limits = Limits(connect_timeout=0.3, command_timeout=30)
    with pytest.raises(OperationTimeout, match=r"0\.3 seconds"):
        await attempt(play, Script(hooks=[on("GREETING", slow)]), limits=limits)


async def test_unusable_ca_file(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(TlsSecurity, match="CA file"):
            await Session.open(Endpoint("localhost", ca_file=path), QUICK)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_handshake_that_never_comes(tls):
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if tls == "starttls":
            writer.write(b"* OK ready\r\n")
            tag = (await reader.readline()).split()[0]
            writer.write(tag + b" OK begin\r\n")
        await reader.read()
        writer.transport.abort()
        done.set()

    done = asyncio.Event()
    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OperationTimeout, match="handshake"):
            await Session.open(Endpoint("localhost", port, tls), QUICK)
        await done.wait()


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"+OK POP3 ready\r\n", b"220 smtp\r\n", b"* 5 EXISTS\r\n"]
)
async def test_other_protocols_are_recognised_at_once(play, greeting):
    with pytest.raises(ProtocolViolation, match="not greet as an IMAP"):
        await attempt(play, Script(greeting=greeting))


@pytest.mark.parametrize(("tls", "asked"), [("implicit", 0), ("starttls", 2)])
async def test_what_is_known_of_a_server_is_asked_all_the_same_where_something_was_said_before_tls(
    tmp_path, tls, asked
):
    async with serve(Script(tls=tls, capability_in="nowhere"), tmp_path) as server:
        endpoint, known = Endpoint("localhost", server.port, tls, server.ca_file), None
        for questions in (2, asked):
            before = len(server.commands("CAPABILITY"))
            session = await Session.open(endpoint, known=known)
            await session.sign_in(USER)
            assert len(server.commands("CAPABILITY")) - before >= questions
            assert questions or len(server.commands("CAPABILITY")) == before
            known = session.facts
            await session.logout()
