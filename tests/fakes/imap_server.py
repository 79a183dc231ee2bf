"""A scripted IMAP server on a real socket with real TLS: what it does is a ``Script``, what it saw is ``record``.

In a test: ``async with serve(script, tmp_path) as server`` (then ``server.port``, ``.ca_file``, ``.commands()``).
As a program: ``python -m tests.fakes.imap_server --script module:function --folder DIR [--record FILE]`` prints one
JSON line with port and CA file, and ends at SIGTERM.
"""

import argparse
import asyncio
import contextlib
import importlib
import inspect
import json
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.imap_commands import State, answer, authenticate
from tests.fakes.imap_model import Command, Hook, Reply, Script
from tests.fakes.imap_tls import server_context, write_ca

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")
_BEFORE = ("CAPABILITY", "ID", "LOGIN", "AUTHENTICATE", "STARTTLS", "ENABLE", "NAMESPACE", "LIST", "STATUS")
_OTHERS = ("NOTIFY", "EXAMINE", "NOOP", "IDLE", "DONE", "UNSELECT", "LOGOUT", "UID FETCH", "UID SEARCH")
READ_ONLY = frozenset({*_BEFORE, *_OTHERS})


class Closed(Exception):
    """The connection is over."""


@dataclass
class Server:
    """A running server. ``record``: (connection, command line without tag, literals included)."""

    script: Script
    folder: Path
    port: int = 0
    ca_file: Path = Path()
    record: list[tuple[int, str]] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    used: Counter[int] = field(default_factory=Counter)
    seen: Counter[int] = field(default_factory=Counter)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def commands(self, name: str = "") -> list[str]:
        """Recorded lines, only those that begin with ``name``."""
        return [line for _, line in self.record if line.upper().startswith(name)]

    def forbidden(self) -> list[str]:
        """Recorded commands outside the read-only list, or fetching without PEEK."""
        return [line for _, line in self.record if not harmless(line)]


def harmless(line: str) -> bool:
    """Whether a recorded command changes nothing."""
    words = line.upper().split(" ")
    name = " ".join(words[:2]) if words[0] == "UID" else words[0]
    peeks = "BODY[" not in line.upper() and "RFC822)" not in line.upper() and "RFC822 " not in line.upper()
    return name in READ_ONLY and (name != "UID FETCH" or peeks)


@contextlib.asynccontextmanager
async def serve(script: Script, folder: Path) -> AsyncIterator[Server]:
    """Run the server on a free loopback port until the block ends; connections still open are cut."""
    server = Server(script, folder, ca_file=write_ca(folder))
    context = server_context(script.certificate, script.ciphers, folder)
    listener = await asyncio.start_server(
        lambda r, w: _accepted(server, r, w),
        "127.0.0.1",
        0,
        limit=1 << 20,
        ssl=context if script.tls == "implicit" else None,
    )
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in list(server.tasks):
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)  # aborted transports of both ends close in the next turns of the loop


def _accepted(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    server.connections += 1
    task = asyncio.get_running_loop().create_task(_talk(Talk(server, server.connections, reader, writer)))
    server.tasks.add(task)
    task.add_done_callback(server.tasks.discard)


@dataclass
class Talk:
    """One connection."""

    server: Server
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.state = State(self.server.script, secure=self.server.script.tls == "implicit")


async def _talk(talk: Talk) -> None:
    server = talk.server
    server.open_now += 1
    server.most_open = max(server.most_open, server.open_now)
    try:
        await _send(
            talk, await _hooked(talk, Command(b"*", "GREETING", b"", talk.number, talk.number), _greeting(talk)), b""
        )
        while True:
            await _serve_command(talk)
    except (Closed, OSError, asyncio.IncompleteReadError, ValueError):
        pass
    finally:
        server.open_now -= 1
        talk.writer.transport.abort()


def _greeting(talk: Talk) -> Reply:
    script = talk.server.script
    if script.capability_in == "greeting":
        return Reply(raw=b"* OK [CAPABILITY " + talk.state.capabilities() + b"] ready\r\n")
    return Reply(raw=script.greeting)


async def _serve_command(talk: Talk) -> None:
    line = await _read(talk)
    tag, _, rest = line.partition(b" ")
    name, _, arguments = rest.partition(b" ")
    if name.upper() == b"UID":
        second, _, arguments = arguments.partition(b" ")
        name += b" " + second
    word = name.decode("latin-1").upper()
    shown = rest if word not in {"LOGIN", "AUTHENTICATE"} else name + b" " + arguments.split(b" ")[0]
    talk.server.record.append((talk.number, shown.decode("latin-1")))
    talk.server.counts[word] += 1
    command = Command(tag, word, arguments, talk.number, talk.server.counts[word])
    await _execute(talk, command)


async def _execute(talk: Talk, command: Command) -> None:
    if command.name == "IDLE" and talk.state.has("IDLE"):
        await _idle(talk, command)
    elif command.name == "AUTHENTICATE":
        await _authenticate(talk, command)
    else:
        await _send(talk, await _hooked(talk, command, answer(talk.state, command)), command.tag)
        if command.name == "STARTTLS" and not talk.state.secure:
            await _upgrade(talk)


async def _upgrade(talk: Talk) -> None:
    script = talk.server.script
    await talk.writer.start_tls(server_context(script.certificate, script.ciphers, talk.server.folder))
    talk.state.secure = True


async def _idle(talk: Talk, command: Command) -> None:
    """``+ idling``, then whatever a hook gives as untagged chunks, then wait for DONE."""
    known = len(talk.state.opened.messages) if talk.state.opened else 0
    reply = await _hooked(talk, command, Reply([b"+ idling\r\n"], b""))
    await _send(talk, reply, command.tag)
    if reply.tagged:
        return
    done = asyncio.ensure_future(_read(talk))
    while not done.done():
        await asyncio.wait({done}, timeout=0.01)
        now = len(talk.state.opened.messages) if talk.state.opened else 0
        if now != known:
            known = now
            talk.writer.write(b"* %d EXISTS\r\n" % now)
    line = await done
    talk.server.record.append((talk.number, line.decode("latin-1")))
    await _send(talk, await _hooked(talk, Command(command.tag, "DONE", b"", talk.number, 0), Reply()), command.tag)


async def _authenticate(talk: Talk, command: Command) -> None:
    honest = await _hooked(talk, command, Reply(tagged=b""))
    if honest.tagged or honest.close or honest.silent or honest.raw is not None:
        await _send(talk, honest, command.tag)
        return
    mechanism, _, message = command.arguments.partition(b" ")
    if not message:
        talk.writer.write(b"+ \r\n")
        message = await _read(talk)
    reply = authenticate(talk.state, mechanism.decode(), message)
    if reply is None:
        talk.writer.write(b"+ " + talk.server.script.challenge + b"\r\n")
        end = await _read(talk)
        talk.server.record.append((talk.number, f"DONE {end.decode()}"))
        reply = Reply(tagged=b"NO refused")
    await _send(
        talk, await _hooked(talk, Command(command.tag, "AUTHENTICATED", b"", talk.number, 0), reply), command.tag
    )


async def _read(talk: Talk) -> bytes:
    """A line with its literals, without the last CRLF."""
    line = b""
    while True:
        line += await talk.reader.readuntil(b"\r\n")
        found = _LITERAL.search(line)
        if found is None:
            return line[:-2]
        if not found[2]:
            reply = await _hooked(talk, Command(b"", "+", line, talk.number, 0), Reply(raw=b"+ go on\r\n"))
            await _send(talk, reply, line.split(b" ")[0])
        line += await talk.reader.readexactly(int(found[1]))


async def _hooked(talk: Talk, command: Command, reply: Reply) -> Reply:
    for index, hook in enumerate(talk.server.script.hooks):
        if _applies(talk.server, index, hook, command):
            result = hook.action(command, reply)
            changed = await result if inspect.isawaitable(result) else result
            reply = changed if isinstance(changed, Reply) else reply
    return reply


def _applies(server: Server, index: int, hook: Hook, command: Command) -> bool:
    if hook.name not in {command.name, "*"} or hook.has not in command.text:
        return False
    server.seen[index] += 1
    if server.seen[index] <= hook.skip or server.used[index] >= hook.times:
        return False
    server.used[index] += 1
    return True


async def _send(talk: Talk, reply: Reply, tag: bytes) -> None:
    if reply.stall:
        await asyncio.sleep(reply.stall)
    if reply.silent:
        await talk.reader.read(-1)
        raise Closed
    if reply.raw is None and reply.cut is None and reply.pace is None:
        await _stream(talk, reply.untagged)
        reply = Reply([], reply.tagged, reply.after, reply.close)
    data = reply.wire(tag)
    await _stream(talk, _pieces(data[: reply.cut], reply.pace), reply.pace[1] if reply.pace else 0.0)
    if reply.close or reply.cut is not None:
        talk.writer.close()
        raise Closed


def _pieces(data: bytes, pace: tuple[int, float] | None) -> Iterable[bytes]:
    size = pace[0] if pace else max(1, len(data))
    return (data[start : start + size] for start in range(0, len(data), size))


async def _stream(talk: Talk, chunks: Iterable[bytes], pause: float = 0.0) -> None:
    for chunk in chunks:
        talk.writer.write(chunk)
        await talk.writer.drain()
        if pause:
            await asyncio.sleep(pause)


async def _program(arguments: argparse.Namespace) -> None:
    module, _, name = arguments.script.partition(":")
    script = getattr(importlib.import_module(module), name)()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve(script, arguments.folder) as server:
        print(json.dumps({"port": server.port, "ca": str(server.ca_file)}), flush=True)
        await stop.wait()
    if arguments.record:
        arguments.record.write_text(json.dumps(server.record), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--record", type=Path)
    asyncio.run(_program(parser.parse_args(sys.argv[1:])))
