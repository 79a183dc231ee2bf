"""Transfer decoding in blocks: the same octets and the same repairs as ``transfer.decode``, in constant memory."""

import binascii
import re
from itertools import chain, islice
from typing import Protocol

import pybase64

from services.common.message import transfer

_AFTER_PADDING = b"= \t\r\n"
_OPEN = re.compile(rb"=(?:[ \t]*\r*|[0-9A-Fa-f])")  # an escape is judged by what follows it
_LONGEST_LINE = 4 << 20
_PADDING = 2  # more of it says no more


class Decoder(Protocol):
    """Octets in, octets out; ``defect`` is final after ``finish``."""

    defect: str | None

    def feed(self, block: bytes) -> bytes:
        """What is certain by now."""
        ...

    def finish(self) -> bytes:
        """What was held back."""
        ...


def decoder(encoding: str) -> Decoder:
    """The decoder for a canonical transfer encoding."""
    if encoding == "base64":
        return Base64()
    if encoding == "quoted-printable":
        return QuotedPrintable()
    return Uuencode() if encoding == "uuencode" else Identity()


class Identity:
    """7bit, 8bit, binary and everything unknown."""

    def __init__(self) -> None:
        self.defect: str | None = None

    def feed(self, block: bytes) -> bytes:
        """The block."""
        return block

    def finish(self) -> bytes:
        """Nothing."""
        return b""


class Uuencode:
    """Whole lines at a time, once it is known whether ``begin`` stands among the first ones."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._start: list[bytes] = []
        self._known = False
        self._ended = False
        self.defect: str | None = None

    def feed(self, block: bytes) -> bytes:
        """The lines that are complete; a CR at the end of the block may be half of a line end."""
        cut = max(block.rfind(b"\n"), block[:-1].rfind(b"\r")) + 1
        if not cut:
            self._rest.append(block)
            return b""
        data = b"".join([*self._rest, block[:cut]])
        self._rest = [block[cut:]]
        return self._decode(data, last=False)

    def finish(self) -> bytes:
        """The last line, and the first ones where there are no more."""
        return self._decode(b"".join(self._rest), last=True)

    def _decode(self, data: bytes, *, last: bool) -> bytes:
        lines = transfer.lines_of(data)
        if not self._known:
            self._start += islice(lines, transfer.UU_START - len(self._start))
            self._known = last or len(self._start) == transfer.UU_START
            if not self._known:
                return b""
            lines = chain(transfer.behind_begin(self._start), lines)
        if self._ended:
            return b""
        decoded, damaged, self._ended = transfer.uu_octets(lines)
        self.defect = transfer.UU_DAMAGED if damaged else self.defect
        return decoded


class QuotedPrintable:
    """Whole lines at a time, or a very long one piece by piece, so that no escape and no soft break is cut."""

    def __init__(self) -> None:
        self._rest = b""
        self.defect: str | None = None

    def feed(self, block: bytes) -> bytes:
        """The lines that are complete."""
        data = self._rest + block
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > _LONGEST_LINE:
            return self._piece(data)
        self._rest = data[cut:]
        return self._decode(data[:cut])

    def finish(self) -> bytes:
        """The last line."""
        return self._decode(self._rest)

    def _piece(self, data: bytes) -> bytes:
        """A line up to its last escape, if that may go on; something follows, else its end would be a soft break."""
        last = data.rfind(b"=")
        is_open = last >= 0 and _OPEN.fullmatch(data, last) is not None
        done, follows = (data[:last], b"=x") if is_open else (data, b"x")
        self._rest = data[len(done) :]
        return self._decode(done + follows)[: -len(follows)]

    def _decode(self, data: bytes) -> bytes:
        decoded, defect = transfer.quoted_printable(data)
        self.defect = self.defect or defect
        return decoded


class Base64:
    """Groups of four letters; a group that is cut by a block waits for the next one."""

    def __init__(self) -> None:
        self._rest = b""
        self._damaged = False
        self.defect: str | None = None

    def feed(self, block: bytes) -> bytes:
        """The groups that are complete."""
        data = self._rest + block
        if self._damaged:
            return self._lenient(data)
        padding = data.find(b"=")
        if padding < 0:
            return self._letters(data)
        if not data[padding:].strip(_AFTER_PADDING):
            self._rest = data[:padding] + b"=" * min(data.count(b"=", padding), _PADDING)
            return b""
        self._damaged = True
        return self._lenient(data)

    def finish(self) -> bytes:
        """The last group."""
        if self._damaged:
            self.defect = "transfer.base64-damaged"
            return transfer.lenient_base64(self._rest)
        decoded, self.defect = transfer.base64(self._rest)
        return decoded

    def _letters(self, data: bytes) -> bytes:
        cut = data.rfind(b"\n") + 1 or len(data) - len(data) % 4
        try:
            decoded = pybase64.b64decode(data[:cut])
        except binascii.Error:
            letters = data.translate(None, transfer.FOREIGN)
            whole = len(letters) - len(letters) % 4
            self._rest = letters[whole:]
            return pybase64.b64decode(letters[:whole])
        self._rest = data[cut:]
        return decoded

    def _lenient(self, data: bytes) -> bytes:
        head, padding, tail = data.translate(None, transfer.FOREIGN).rpartition(b"=")
        whole = len(tail) - len(tail) % 4
        self._rest = tail[whole:]
        return transfer.lenient_base64(head + padding) + pybase64.b64decode(tail[:whole])
