"""Bytes into responses, without recursion and with a cap on everything: RFC 9051 section 2.2.2 and 4.3.

A response is a list of parts: a line, then for each literal the literal and the line after it. A body literal above
``spool_above`` goes to a file while it arrives.
"""

import re
from collections.abc import Callable

from services.poller.imap.errors import LiteralTooLarge, ProtocolViolation, ResponseTooLarge
from services.poller.imap.model import Limits
from services.poller.imap.spooling import SpoolFile, discard
from services.poller.imap.tokens import Part

_MARKER = re.compile(rb"~?\{(\d{1,20})(\+?)\}$")
_TEXT = re.compile(rb"(?:\*|\+|[^\s*+]+) *(?:(?:OK|NO|BAD|BYE|PREAUTH)\b|$)|\+", re.IGNORECASE)
_UID = re.compile(rb"\(?\bUID (\d{1,10})\b", re.IGNORECASE)
_COMMON = re.compile(rb"\* \d{1,10} FETCH \([^\r\n{]{1,1000}+(?:\{(\d{1,9})\})?\r\n")
_MAX_PARTS = 100_000


class Framer:
    """Takes bytes as they come and emits whole responses with their size; the caps of ``limits`` hold for each."""

    def __init__(self, limits: Limits, emit: Callable[[list[Part], int], None]) -> None:
        self._limits = limits
        self._emit = emit
        self._partial = bytearray()
        self._parts: list[Part] = []
        self._size = 0
        self._number = 0
        self._spooled = 0
        self._missing = 0
        self._literal: bytearray | SpoolFile | None = None

    @property
    def between(self) -> bool:
        """Whether no response has begun."""
        return not (self._partial or self._parts)

    @property
    def unfinished(self) -> int | None:
        """Number of the response that has begun, None between two."""
        return None if self.between else self._number

    def feed(self, data: bytes) -> None:
        """Take the next bytes; after an error the stream is lost.

        Raises ResponseTooLarge, LiteralTooLarge, ProtocolViolation, and Unavailable when a file cannot be written.
        """
        position, end = 0, len(data)
        while position < end:
            if self._missing:
                position = self._fill(data, position)
            else:
                position = self._whole(data, position) or self._line(data, position)

    def drop(self) -> None:
        """Forget what is unfinished, files included."""
        if isinstance(self._literal, SpoolFile):
            self._literal.discard()
        discard(self._parts)
        self._parts, self._literal, self._missing = [], None, 0
        self._partial.clear()

    def _whole(self, data: bytes, position: int) -> int:
        """A complete FETCH response within ``data``, the common case, at a third of the price; 0 for anything else."""
        found = _COMMON.match(data, position) if self.between else None
        if found is None:
            return 0
        stop = found.end()
        head = data[position : stop - 2]
        parts: list[Part] = [head]
        if found[1] is not None:
            start, size, limits = stop, int(found[1]), self._limits
            stop += size + 3
            fits = size <= limits.spool_above and size <= limits.max_literal and data[stop - 3 : stop] == b")\r\n"
            if not fits or b" BODY[] {" not in head[-20:]:
                return 0
            parts = [head, data[start : stop - 3], b")"]
        self._number += 1
        self._emit(parts, stop - position)
        return stop

    def _line(self, data: bytes, position: int) -> int:
        stop = data.find(b"\n", position)
        if stop < 0:
            self._partial += data[position:]
            self._grow(0, len(self._partial))
            return len(data)
        line = data[position:stop]
        if self._partial:
            line = bytes(self._partial) + line
            self._partial.clear()
        self._grow(len(line), len(line))
        self._complete(line.removesuffix(b"\r"))
        return stop + 1

    def _grow(self, size: int, line: int) -> None:
        self._size += size
        if line > self._limits.line:
            raise ResponseTooLarge(f"the server sent a line of more than {self._limits.line} bytes")
        if self._size > self._limits.response or len(self._parts) > _MAX_PARTS:
            raise ResponseTooLarge(f"the server sent a response of more than {self._limits.response} bytes")

    def _complete(self, line: bytes) -> None:
        first = not self._parts
        self._parts.append(line)
        if line[-1:] == b"}" and not (first and _TEXT.match(line)):
            marker = _MARKER.search(line)
            if marker is not None:
                self._begin(line, int(marker[1]), marker[2] == b"+")
                return
        parts, size = self._parts, self._size + self._spooled
        self._parts, self._size, self._spooled = [], 0, 0
        self._number += 1
        self._emit(parts, size)

    def _begin(self, line: bytes, size: int, non_synchronising: bool) -> None:
        if non_synchronising:
            raise ProtocolViolation("the server sent a literal in the client's form (RFC 7888)")
        body = b"BODY[" in line.upper()
        cap = self._limits.max_literal if body else self._limits.line
        if size > cap:
            raise LiteralTooLarge(
                f"the server announced a literal of {size} bytes, {cap} are allowed", announced=size, uid=self._uid()
            )
        self._missing = size
        if body and size > self._limits.spool_above:
            self._spooled += size
            if self._spooled > cap:
                raise ResponseTooLarge(f"the server sent literals of more than {cap} bytes in one response")
            self._literal = SpoolFile(self._limits.spool_folder)
        else:
            self._grow(size, 0)
            self._literal = bytearray()
        if size == 0:
            self._end()

    def _uid(self) -> int | None:
        lines = [part for part in self._parts[::2] if isinstance(part, bytes)]
        found = next((m for m in map(_UID.search, lines) if m), None)
        return int(found[1]) if found else None

    def _fill(self, data: bytes, position: int) -> int:
        stop = position + min(self._missing, len(data) - position)
        literal = self._literal
        if isinstance(literal, SpoolFile):
            literal.write(memoryview(data)[position:stop])
        elif isinstance(literal, bytearray) and not literal and stop - position == self._missing:
            self._literal, self._missing = None, 0
            self._parts.append(data[position:stop])
            return stop
        elif isinstance(literal, bytearray):
            literal += memoryview(data)[position:stop]
        self._missing -= stop - position
        if not self._missing:
            self._end()
        return stop

    def _end(self) -> None:
        literal = self._literal
        self._parts.append(literal.finish() if isinstance(literal, SpoolFile) else bytes(literal or b""))
        self._literal = None
