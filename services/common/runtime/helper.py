"""A second process for the embedded runtime, because one interpreter uses one core.

Groups of events go to it through a socket as framed records; each is answered when all that follows from it is
durable. It keeps nothing: when it ends in the middle, its groups are repeated here, and every sink absorbs repeats.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from services.common.collector import settle
from services.common.contract.records import Record, decode, encode
from services.common.errors import Unavailable
from services.common.events import Event, MessageFetched
from services.common.service import Publisher

WORTH = 10  # events; fewer are published here before they would be there
_GROUPS = 2  # that it has at once: one waits for the disk while another is parsed
_LENGTH = 4  # octets of the length before a frame


@contextmanager
def forked(work: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """A child process that works on one end of a socket while the block has the other; at the end it is waited for.

    Only for a process of one thread: a lock that another thread holds would stay locked in the child. The child begins
    with all that is imported, and must not use a connection or thread pool of its parent.
    """
    ours, theirs = socket.socketpair()
    settle()  # what is there stays: neither process needs to look at it again, nor to copy it for looking
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
    """A group of events to be published; ``hashed``: the other process took the hashes of their bodies."""

    number: int
    records: tuple[Record, ...]
    hashed: bool


class Answer(Struct, frozen=True):
    """What became of a request; ``failure`` is empty when all is durable."""

    number: int
    failure: str = ""
    world: bool = False  # a dependency does not answer; otherwise the failure is a bug


T = TypeVar("T", Request, Answer)


class Helped:
    """A ``Publisher`` that shares its groups between this process and a helper at the other end of a socket.

    Threads send and receive: the loop, which has the IMAP connection, must not wait for megabytes to be packed.
    """

    def __init__(self, own: Publisher, connection: socket.socket) -> None:
        self._own = own
        self._connection = connection
        self._sender = ThreadPoolExecutor(1, "to-helper")  # one: frames go one after the other, whatever is cancelled
        self._receiver = ThreadPoolExecutor(1, "from-helper")
        self._alive = True
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Answer | None]] = {}
        self._receiving = asyncio.create_task(self._receive())

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish a group here or there. Raises ``Unavailable``, and ``RuntimeError`` after a bug in the helper."""
        worth = self._alive and len(events) >= WORTH and len(self._waiting) < _GROUPS
        if not (worth and await self._asked(events)):
            await self._own.publish(events)

    async def stop(self) -> None:
        """Say that nothing more comes, whereupon the helper ends."""
        self._connection.shutdown(socket.SHUT_WR)
        await self._receiving
        for thread in (self._sender, self._receiver):
            thread.shutdown()

    async def _asked(self, events: Sequence[Event]) -> bool:
        """Whether the helper published them; False when it ended before it answered."""
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        self._waiting[number] = loop.create_future()
        try:
            await loop.run_in_executor(self._sender, self._send, number, events)
            answer = await self._waiting[number]
        except ConnectionError:
            return False
        finally:
            del self._waiting[number]
        if answer is not None and answer.failure:
            raise Unavailable(answer.failure) if answer.world else RuntimeError(answer.failure)
        return answer is not None

    def _send(self, number: int, events: Sequence[Event]) -> None:
        now = datetime.now(UTC)
        hashed = all(event.hashed for event in events if isinstance(event, MessageFetched))
        send(self._connection, Request(number, tuple(encode(event, "poller", now) for event in events), hashed))

    async def _receive(self) -> None:
        """Take the helper's answers until it ends."""
        async for answer in received(self._connection, Answer, self._receiver):
            self._settle(answer.number, answer)
        self._alive = False
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

    async def answer(request: Request) -> None:
        send(connection, await _published(request, publisher))

    tasks: set[asyncio.Task[None]] = set()
    with ThreadPoolExecutor(1, "requests") as thread:
        async for request in received(connection, Request, thread):
            task = asyncio.create_task(answer(request))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def _published(request: Request, publisher: Publisher) -> Answer:
    try:
        await publisher.publish([_event(record, hashed=request.hashed) for record in request.records])
    except Unavailable as failure:
        return Answer(request.number, str(failure), world=True)
    except Exception as failure:
        return Answer(request.number, f"the helper process failed: {type(failure).__name__}")
    return Answer(request.number)


def _event(record: Record, *, hashed: bool) -> Event:
    event = decode(record)
    return replace(event, hashed=hashed) if isinstance(event, MessageFetched) else event


def send(connection: socket.socket, message: Request | Answer) -> None:
    """Write one frame: length, then the message. Blocks. Raises ConnectionError when the other side is gone."""
    frame = msgspec.msgpack.encode(message)
    connection.sendall(len(frame).to_bytes(_LENGTH, "big"))
    connection.sendall(frame)


async def received(connection: socket.socket, kind: type[T], thread: Executor) -> AsyncIterator[T]:
    """Messages, read in a thread of their own, until the other side is gone."""
    loop = asyncio.get_running_loop()
    while (message := await loop.run_in_executor(thread, _next, connection, kind)) is not None:
        yield message


def _next(connection: socket.socket, kind: type[T]) -> T | None:
    try:
        length = int.from_bytes(connection.recv(_LENGTH, socket.MSG_WAITALL), "big")
        frame = connection.recv(length, socket.MSG_WAITALL)
    except ConnectionError:
        return None
    return msgspec.msgpack.decode(frame, type=kind) if frame and len(frame) == length else None
