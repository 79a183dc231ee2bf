"""The wire: aioimaplib's protocol with its framing and failure handling replaced.

Responses wait in a bounded queue; when it is full the server is held back.
"""

import asyncio
import secrets

from aioimaplib.aioimaplib import LOGOUT, NONAUTH, IMAP4ClientProtocol

from services.common.errors import MailweirError, Unavailable
from services.poller.imap import sasl
from services.poller.imap.classify import going_away
from services.poller.imap.errors import (
    ConnectionLost,
    ImapError,
    ProtocolViolation,
    ResponseTooLarge,
    Temporary,
    Throttled,
    TlsSecurity,
)
from services.poller.imap.events import EventLog, numbered
from services.poller.imap.exchange import Exchange
from services.poller.imap.flight import Flight
from services.poller.imap.framing import Framer
from services.poller.imap.model import Limits
from services.poller.imap.responses import Status, status, words
from services.poller.imap.spooling import discard
from services.poller.imap.tokens import Part
from services.poller.imap.watch import Watch

BEFORE_SIGN_IN = 64 * 1024
_STATUSES = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"})
_CROSSED = (b"DONE", "BAD")  # a server that had ended IDLE itself takes the DONE on its way for a command


class Wire(IMAP4ClientProtocol):  # type: ignore[misc]
    """Responses in; ``failure`` is set once and for ever when the connection cannot be used any more."""

    def __init__(self, limits: Limits, *, secure: bool = True) -> None:
        super().__init__(asyncio.get_running_loop())
        self.limits = limits
        self.secure = secure
        self.events = EventLog()
        self.greeting: Status | None = None
        self.failure: MailweirError | None = None
        self.flight = Flight()
        self.overtaken = False  # see Session.overtaken
        self.received = 0
        self.exists = 0  # of the open folder: what an answer may plausibly bring
        self.unreadable = 0  # lines of the last folder list
        self.hidden: tuple[bytes, ...] = ()
        self.upgrading = False
        self.closed = asyncio.Event()
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._framer = Framer(limits, self._emit)
        self._watch = Watch(self.loop, limits.command_timeout, limits.min_rate, self.fail)
        self.tagpre = secrets.token_hex(4).upper() + "T"

    # from the transport

    def data_received(self, d: bytes) -> None:
        """See asyncio.Protocol. Never raises: a broken stream ends the connection."""
        self.received += len(d)
        self._watch.progress(len(d), self.loop.time())
        if self.failure is not None:
            return
        try:
            if self.received > BEFORE_SIGN_IN and self.state in {"CONNECTED", NONAUTH}:
                raise ResponseTooLarge(f"the server sent more than {BEFORE_SIGN_IN} bytes before the sign-in")
            self._framer.feed(d)
            self._refuse_clear_text(began=not self._framer.between)
        except (ImapError, Unavailable) as error:
            self.fail(error)
        self._watch.inside(self._framer.unfinished, self.loop.time())
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.closed.set()
        self.fail(ConnectionLost("the connection was lost", detail=type(exc).__name__ if exc else ""))

    def _refuse_clear_text(self, *, began: bool) -> None:
        if self.upgrading and began:
            raise TlsSecurity("the server sent data between its answer to STARTTLS and the TLS handshake")

    def fail(self, error: MailweirError) -> None:
        """Close for good: everything in flight failed with ``error``; only the first one counts."""
        if self.failure is None:
            self.failure = error
            self.overtaken = self.flight.overtaken and not isinstance(error, Temporary | Throttled)
        self.state = LOGOUT
        self._watch.stop()
        self._framer.drop()
        if self.transport is not None:
            self.transport.abort()
        self.wake()

    def drop(self) -> None:
        """Close without a reason of the server's, and remove the files that nobody will read."""
        for exchange in self.flight:
            exchange.drop()
        self.flight.ahead.clear()
        self.fail(ConnectionLost("the connection was closed by us"))

    def secured(self, transport: asyncio.Transport) -> None:
        """TLS is up: forget everything that was said in clear."""
        self.transport = transport
        self.secure = True
        self.events = EventLog()
        self.capabilities = {"IMAP4REV1"}
        self.upgrading = False

    async def _wait(self, *, drops: bool = True) -> None:
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            if drops:
                self.drop()
            raise
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Let whoever waits look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # responses

    def _emit(self, parts: list[Part], size: int) -> None:
        line, exchange = parts[0], self.flight.answered()
        assert isinstance(line, bytes)
        self._refuse_clear_text(began=True)
        if exchange is not None:
            exchange.count(len(line))  # also what is no response: a server may have no end of it
        if self.failure is not None:
            discard(parts)
        elif self.greeting is None and (line[:2] != b"* " or status(line[2:]) is None):
            raise ProtocolViolation("the server did not greet as an IMAP server; check host and port", about="port")
        elif line[:2] == b"* ":
            self._untagged(line, parts, size)
        elif line[:1] == b"+":
            if exchange is not None and len(exchange.prompts) < 10:
                exchange.prompts.append(line[2:])
        else:
            discard(parts)
            self._tagged(line)

    def _untagged(self, line: bytes, parts: list[Part], size: int) -> None:
        exchange = self.flight.answered()
        if exchange is not None and exchange.fetches and line[2:3].isdigit() and b" FETCH (" in line[3:20]:
            self._queue(exchange, parts, size)
            return
        number, word = numbered(line)
        if word in _STATUSES:
            self._status(line[2:])
        elif word == b"CAPABILITY":
            self.capabilities = set(words(line[13:]))
        exchange = self.flight.taker(word)
        if exchange is not None:
            self._queue(exchange, parts, size)
            return
        if word == b"VANISHED":
            self.events.gone(parts)
        elif word == b"STATUS":
            self.events.counted(parts)
        elif number is not None and word in {b"EXISTS", b"EXPUNGE"}:
            self.events.count(number, word)
        elif number is not None and word == b"FETCH":
            self.events.fetched(line)
        discard(parts)

    def _queue(self, exchange: Exchange, parts: list[Part], size: int) -> None:
        exchange.take(parts, size)
        if exchange.queued > self.limits.queue and not self._paused:
            self._paused = True
            self._watch.stop()
            self.transport.pause_reading()

    def _status(self, line: bytes) -> None:
        said = status(sasl.struck(line, self.hidden))
        if said is None:
            return
        if not self.secure:
            said = Status(said.kind, "", b"", "")  # what is said in clear is never believed nor shown
        self.events.said(said)
        if self.greeting is None:
            self.greeting, self.state = said, NONAUTH
        if said.code == "CAPABILITY":
            self.capabilities = set(words(said.argument))
        if said.kind == "BYE" and not any(each.name == "LOGOUT" for each in self.flight):
            self.fail(going_away(said))

    def _tagged(self, line: bytes) -> None:
        tag, _, rest = line.partition(b" ")
        said = status(sasl.struck(rest, self.hidden))
        if said is None or said.kind not in {"OK", "NO", "BAD"} or (tag.upper(), said.kind) == _CROSSED:
            self.events.ignored += 1
            if (exchange := self.flight.answered()) is not None:
                exchange.stray(ends_an_answer=line.endswith(b")"))
            return
        if (exchange := self.flight.tagged(tag)) is None:
            raise ProtocolViolation("the server answered a command that was not sent")
        self.events.said(said)
        if said.code == "CAPABILITY":
            self.capabilities = set(words(said.argument))
        exchange.answer(said)
        if exchange.name == "EXAMINE" and said.kind == "OK":
            self.events.opened()
        if exchange is self.flight.current:
            self._watch.stop()
        self.upgrading = exchange.name == "STARTTLS" and said.kind == "OK"
