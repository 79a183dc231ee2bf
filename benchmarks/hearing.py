"""Hears when an IMAP server tells the poller of each message of the one folder with mail, as a relay, with TLS."""

import asyncio
import multiprocessing
import ssl
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import Array, c_double
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray

from infra.local import dovecot
from infra.local.program import Program


@contextmanager
def between(imap: Program, most: int) -> Iterator[tuple[int, "Array[c_double]"]]:
    """A port that leads to the server, and seconds of the epoch by the number of a message, 0 for those not told yet.

    ``most``: the highest number that can be told.
    """
    here, there = multiprocessing.Pipe()
    told = RawArray(c_double, most + 1)
    relay = multiprocessing.Process(target=_serve, args=(imap, told, there), daemon=True)
    relay.start()
    try:
        yield here.recv(), told
    finally:
        relay.terminate()
        relay.join()


def _serve(imap: Program, told: "Array[c_double]", pipe: Connection) -> None:
    """Run the relay for ever; its port goes into ``pipe``."""
    own, tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), imap.folder / "tls"
    own.load_cert_chain(tls / "server.pem", tls / "server.key")
    trusted = ssl.create_default_context(cafile=str(dovecot.ca_file(imap.folder)))

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("localhost", imap.ports["imaps"], ssl=trusted)
        await asyncio.gather(_passed_on(reader, far_writer), _passed_on(far_reader, writer, told))

    async def run() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=own)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def _passed_on(reader: StreamReader, writer: StreamWriter, told: "Array[c_double] | None" = None) -> None:
    """Pass on each line, and note what it tells of, if there is where to."""
    try:
        while line := await reader.readline():
            if told is not None:
                _note(line.split(), told)
            writer.write(line)
            await writer.drain()
    except ConnectionError:
        pass  # who left expects nothing more
    writer.close()


def _note(words: list[bytes], told: "Array[c_double]") -> None:
    """``* 5 EXISTS`` or ``* STATUS Lists (MESSAGES 5 ...)``: five are told of, those that were not before now."""
    counted = words[1:2] == [b"STATUS"] and words[3:4] == [b"(MESSAGES"]
    if counted or words[2:] == [b"EXISTS"]:
        count, now = int(words[4 if counted else 1]), time.time()
        told[1 : count + 1] = [each or now for each in told[1 : count + 1]]
