"""Commands out, and the answer of each read: aioimaplib's command handling replaced.

The answer of one command at a time is read; others may have been sent ahead of their turn. Nothing but ``begin``,
``send_ahead`` and ``answer`` writes to the socket, and all take encoded arguments only.
"""

from collections.abc import Iterable, Sequence

from aioimaplib.aioimaplib import SELECTED

from services.poller.imap.encode import Argument, LiteralArgument
from services.poller.imap.errors import ConnectionLost
from services.poller.imap.exchange import Exchange, Line, made
from services.poller.imap.flight import plain
from services.poller.imap.responses import Status
from services.poller.imap.spooling import discard
from services.poller.imap.tokens import Part
from services.poller.imap.wire import Wire


class Connection(Wire):
    """A connection for one reader: ``begin`` a command, read its ``frames``, ``finish`` it."""

    async def greeted(self) -> Status:
        """The greeting."""
        self._watch.start(self.loop.time())
        while self.greeting is None:
            if self.failure is not None:
                raise self.failure
            await self._wait()
        self._watch.stop()
        return self.greeting

    async def begin(self, name: str, arguments: Sequence[Argument], wants: frozenset[bytes]) -> Exchange:
        """Send a command; with a literal argument wait for the server's "+" (skipped when it answers at once).

        What was sent ahead is not sent again; what was sent before it, and is not asked for, is answered first.
        """
        if self.failure is not None:
            raise self.failure
        if self.flight.current is not None:
            raise AssertionError("a command is in flight")
        line = Line(name, [*arguments], wants)
        if (sent := await self._sent(line)) is not None:
            return sent
        exchange = self.flight.current = self._made(line, self.state)
        if name == "EXAMINE":
            self.events.forget_mailbox()
        self._watch.start(self.loop.time())
        await self._send(exchange, arguments)
        return exchange

    async def _sent(self, line: Line) -> Exchange | None:
        while self.flight.ahead:
            found = self.flight.next(line)
            exchange = self.flight.current
            assert exchange is not None
            self._watch.start(self.loop.time())
            if found:
                return exchange
            while frames := await self.frames(exchange):
                discard(part for frame in frames for part in frame)
            self.finish(exchange)
        return None

    def send_ahead(self, lines: Iterable[Line]) -> None:
        """Send commands that are certain to be begun in this order, up to one with a literal; not ambiguous ones."""
        opens = any(each.name == "EXAMINE" for each in self.flight.ahead)
        state, data = SELECTED if opens else self.state, b""
        for line in lines:
            if (text := plain(line)) is None:
                break
            exchange = self._made(line, state)
            exchange.line = line
            self.flight.ahead.append(exchange)
            data += exchange.tag + b" " + text
            if line.name == "EXAMINE":
                state = SELECTED
                self.events.forget_mailbox()
        self._write(data)

    def _made(self, line: Line, state: str) -> Exchange:
        if self.failure is not None:
            raise self.failure
        return made(line, self.new_tag().encode("ascii"), state, self.exists, self.limits)

    async def _send(self, exchange: Exchange, arguments: Sequence[Argument]) -> None:
        line = exchange.tag + b" " + exchange.name.encode("ascii")
        for argument in arguments:
            if isinstance(argument, LiteralArgument):
                self._write(line + b" {%d}\r\n" % len(argument.data))
                if await self.prompt(exchange) is None:
                    return
                line = argument.data
            else:
                line += b" " + argument
        self._write(line + b"\r\n")

    def _write(self, data: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.transport.write(data)

    def answer(self, exchange: Exchange, data: bytes) -> None:
        """One line of base64, "" or DONE as answer to a "+"."""
        if b"\r" in data or b"\n" in data:
            raise AssertionError("not one line")
        self._watch.start(self.loop.time())
        self._write(data + b"\r\n")

    async def prompt(self, exchange: Exchange) -> bytes | None:
        """Text of the next "+"; None when the tagged answer came instead."""
        while not exchange.prompts:
            if not await self._more(exchange):
                return None
        return exchange.prompts.popleft()

    async def frames(self, exchange: Exchange) -> list[list[Part]]:
        """All wanted responses that wait, at least one; none after the tagged answer."""
        while not (frames := exchange.ready(ended=self.failure is not None)):
            if not await self._more(exchange):
                return []
        self._resume()
        return frames

    async def _more(self, exchange: Exchange) -> bool:
        """Wait for more of an answer; false when it has ended."""
        if exchange.tagged is None and self.failure is not None:
            raise self.failure
        if exchange.tagged is None:
            self._resume()
            await self._wait()
            return True
        return False

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._watch.start(self.loop.time())
            self.transport.resume_reading()

    def finish(self, exchange: Exchange) -> Status:
        """The tagged answer; leaves the connection free for the next command, or closed when it did not come."""
        if exchange.tagged is None:
            self.drop()
        self._watch.stop()
        self.flight.current = None
        if exchange.tagged is None:
            raise self.failure or ConnectionLost("the command was given up")
        return exchange.tagged

    async def something(self) -> None:
        """Wait for the next bytes of whatever kind, without a time-out (IDLE)."""
        if self.failure is not None:
            raise self.failure
        self._watch.stop()
        await self._wait(drops=False)
