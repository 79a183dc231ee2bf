"""The commands on their way: one whose answer is read, and those that were sent ahead of their turn.

Servers answer one command after the other, but need not where the order makes no difference (RFC 9051 section 5.5).
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.poller.imap.exchange import Exchange, Line


@dataclass(slots=True)
class Flight:
    """``current`` is being read; ``ahead`` are in the order in which they were sent."""

    current: Exchange | None = None
    ahead: deque[Exchange] = field(default_factory=deque)

    def __iter__(self) -> Iterator[Exchange]:
        if self.current is not None:
            yield self.current
        yield from self.ahead

    @property
    def overtaken(self) -> bool:
        """Whether a command that was sent ahead has no answer."""
        return any(exchange.tagged is None for exchange in self.ahead)

    def next(self, line: Line) -> bool:
        """Let the next one that was sent ahead have its turn; whether it is this command."""
        self.current = self.ahead.popleft()
        return self.current.line == line

    def answered(self) -> Exchange | None:
        """The one that the server answers now; behind its last answer the current one, until that is read."""
        if not self.ahead:
            return self.current
        return next((exchange for exchange in self if exchange.tagged is None), self.current)

    def taker(self, word: bytes) -> Exchange | None:
        """Whose an untagged response is: of the first that wants it and is not answered yet, else of the current."""
        mine = self.current if self.current is not None and word in self.current.wants else None
        if mine is not None and mine.tagged is None:
            return mine
        return next((each for each in self.ahead if each.tagged is None and word in each.wants), mine)

    def tagged(self, tag: bytes) -> Exchange | None:
        """The one that has this tag, and no answer yet."""
        return next((exchange for exchange in self if exchange.tag == tag and exchange.tagged is None), None)


def plain(line: Line) -> bytes | None:
    """A command as it is sent behind its tag; None where it has a literal, which has to be asked for."""
    words = [argument for argument in line.arguments if isinstance(argument, bytes)]
    whole = b" ".join([line.name.encode("ascii"), *words]) + b"\r\n"
    return whole if len(words) == len(line.arguments) else None
