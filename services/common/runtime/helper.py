"""A second process for the embedded runtime, because one interpreter uses one core.

Groups of events go to it through a socket as framed records; each is answered when all that follows from it is
durable. It keeps nothing: when it ends in the middle, its groups are repeated here, and every sink absorbs repeats.
"""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import msgspec
from msgspec import Struct

from services.common.contract import Record, decode, encode
from services.common.errors import Unavailable
from services.common.events import Event
from services.common.service import Publisher

START_AFTER = 150  # events; a few messages do not repay the start of an interpreter
_GROUPS = 2  # that it has at once: one waits for the disk while another is parsed
_LENGTH = 4  # octets of the length before a frame
_BUFFER = 4 << 20


class Request(Struct, frozen=True):
    """A group of events to be published."""

    number: int
    records: tuple[Record, ...]


class Answer(Struct, frozen=True):
    """What became of a request; ``failure`` is empty when all is durable."""

    number: int
    failure: str = ""
    world: bool = False  # a dependency does not answer; otherwise the failure is a bug


class Helped:
    """A ``Publisher`` that shares its groups between this process and a helper, once there are enough of them."""

    def __init__(self, own: Publisher, command: Sequence[str]) -> None:
        self._own = own
        self._command = command
        self._seen = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ready = False
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish a group here or there. Raises ``Unavailable``, and ``RuntimeError`` after a bug in the helper."""
        self._seen += len(events)
        if self._seen >= START_AFTER and self._reading is None:
            self._reading = asyncio.create_task(self._read(self._start()))
        if self._ready and len(self._waiting) < _GROUPS and await self._asked(events):
            return
        await self._own.publish(events)

    async def stop(self) -> None:
        """End the helper and wait for it; one that is still starting is not waited for."""
        if self._process is not None and not self._ready:
            self._process.kill()
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            await self._reading
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    async def _asked(self, events: Sequence[Event]) -> bool:
        """Whether the helper published them; False when it ended before it answered."""
        assert self._writer is not None
        number, now = next(self._numbers), datetime.now(UTC)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            send(self._writer, Request(number, tuple(encode(event, "poller", now) for event in events)))
            answer = await self._waiting[number]
        finally:
            del self._waiting[number]
        if answer is not None and answer.failure:
            raise Unavailable(answer.failure) if answer.world else RuntimeError(answer.failure)
        return answer is not None

    def _start(self) -> socket.socket:
        """In a session of its own, so that Ctrl-C reaches this process alone; the socket is its standard input."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter, fixed arguments
                self._command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
            )
        return ours

    async def _read(self, connection: socket.socket) -> None:
        """Take the helper's answers until it ends."""
        reader, self._writer = await asyncio.open_connection(sock=connection, limit=_BUFFER)
        async for frame in frames(reader):
            answer = msgspec.msgpack.decode(frame, type=Answer)
            self._ready = True
            self._settle(answer.number, answer)
        self._ready = False
        self._writer.close()
        for number in self._waiting:
            self._settle(number, None)

    def _settle(self, number: int, answer: Answer | None) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(answer)


@asynccontextmanager
async def helped(own: Publisher, command: Sequence[str]) -> AsyncIterator[Publisher]:
    """A publisher with a helper, which ends with the block, and with this process however it ends."""
    publisher = Helped(own, command)
    try:
        yield publisher
    finally:
        await publisher.stop()


async def help_with(connection: socket.socket, publisher: Publisher) -> None:
    """The helper's side: publish groups as they come, side by side, until the other side closes."""
    reader, writer = await asyncio.open_connection(sock=connection, limit=_BUFFER)
    send(writer, Answer(-1))

    async def answer(request: Request) -> None:
        send(writer, await _published(request, publisher))

    tasks: set[asyncio.Task[None]] = set()
    async for frame in frames(reader):
        task = asyncio.create_task(answer(msgspec.msgpack.decode(frame, type=Request)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    writer.close()


async def _published(request: Request, publisher: Publisher) -> Answer:
    try:
        await publisher.publish([decode(record) for record in request.records])
    except Unavailable as failure:
        return Answer(request.number, str(failure), world=True)
    except Exception as failure:
        return Answer(request.number, f"the helper process failed: {type(failure).__name__}")
    return Answer(request.number)


def send(writer: asyncio.StreamWriter, message: Request | Answer) -> None:
    """Write one frame: length, then the message."""
    frame = msgspec.msgpack.encode(message)
    writer.write(len(frame).to_bytes(_LENGTH, "big"))
    writer.write(frame)


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Whole frames until the other side is gone."""
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
            yield await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return
