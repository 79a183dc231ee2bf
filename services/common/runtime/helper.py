"""A second process for the embedded runtime, because one interpreter uses one core.

Groups of events go to it through a socket as framed records; each is answered when all that follows from it is
durable. It keeps nothing: when it ends in the middle, its groups are repeated here, and every sink absorbs repeats.
"""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from itertools import count

import msgspec
from msgspec import Struct

from services.common.contract import Record, decode, encode
from services.common.errors import Unavailable
from services.common.events import Event
from services.common.service import Publisher

WORTH = 10  # events; fewer are published here before they would be there
_GROUPS = 2  # that it has at once: one waits for the disk while another is parsed
_LENGTH = 4  # octets of the length before a frame
_BUFFER = 4 << 20


@contextmanager
def forked(work: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """A child process that works on one end of a socket while the block has the other; at the end it is waited for.

    Only for a process of one thread: a lock that another thread holds would stay locked in the child. The child begins
    with all that is imported, and must not use a connection or thread pool of its parent.
    """
    ours, theirs = socket.socketpair()
    gc.freeze()  # what is there stays: neither process needs to look at it again, nor to copy it for looking
    child = os.fork()
    if child == 0:
        ours.close()
        _work_and_end(work, theirs)
    theirs.close()
    try:
        with ours:
            yield ours
    finally:
        os.waitpid(child, 0)


def _work_and_end(work: Callable[[socket.socket], None], connection: socket.socket) -> None:
    """In a session of its own, so that Ctrl-C reaches the parent alone; nothing of the parent is cleaned up here."""
    try:
        os.setsid()
        work(connection)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


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
    """A ``Publisher`` that shares its groups between this process and a helper at the other end of a socket."""

    def __init__(self, own: Publisher, connection: socket.socket) -> None:
        self._own = own
        self._reading = asyncio.create_task(self._read(connection))
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish a group here or there. Raises ``Unavailable``, and ``RuntimeError`` after a bug in the helper."""
        writer = self._writer if len(events) >= WORTH and len(self._waiting) < _GROUPS else None
        if writer is None or not await self._asked(writer, events):
            await self._own.publish(events)

    async def stop(self) -> None:
        """Close the socket, whereupon the helper ends."""
        if self._writer is not None:
            self._writer.close()
        await self._reading

    async def _asked(self, writer: asyncio.StreamWriter, events: Sequence[Event]) -> bool:
        """Whether the helper published them; False when it ended before it answered."""
        number, now = next(self._numbers), datetime.now(UTC)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            send(writer, Request(number, tuple(encode(event, "poller", now) for event in events)))
            answer = await self._waiting[number]
        finally:
            del self._waiting[number]
        if answer is not None and answer.failure:
            raise Unavailable(answer.failure) if answer.world else RuntimeError(answer.failure)
        return answer is not None

    async def _read(self, connection: socket.socket) -> None:
        """Take the helper's answers until it ends."""
        reader, writer = await asyncio.open_connection(sock=connection, limit=_BUFFER)
        self._writer = writer
        async for frame in frames(reader):
            answer = msgspec.msgpack.decode(frame, type=Answer)
            self._settle(answer.number, answer)
        self._writer = None
        writer.close()
        for number in self._waiting:
            self._settle(number, None)

    def _settle(self, number: int, answer: Answer | None) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(answer)


@asynccontextmanager
async def helped(own: Publisher, connection: socket.socket) -> AsyncIterator[Publisher]:
    """A publisher with a helper, which ends with the block, and with this process however it ends."""
    publisher = Helped(own, connection)
    try:
        yield publisher
    finally:
        await publisher.stop()


async def help_with(connection: socket.socket, publisher: Publisher) -> None:
    """The helper's side: publish groups as they come, side by side, until the other side closes."""
    reader, writer = await asyncio.open_connection(sock=connection, limit=_BUFFER)

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
