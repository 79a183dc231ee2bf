"""What a server would take where a handshake failed: the TLS version and cipher it chooses when offered everything.

One ClientHello is sent, the beginning of the answer is read, and the connection ends. No session comes of it, so there
is nothing to verify, and nothing of an account is sent.
"""

import asyncio
import contextlib
import ssl
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache

from services.poller.imap.model import Endpoint

_EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
_HANDSHAKE, _SERVER_HELLO = 22, 2
_RECORD, _MOST_LINES = 5, 20
_NAMES = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}


@dataclass(frozen=True, slots=True)
class Offer:
    """Names as OpenSSL writes them, such as ``TLSv1.1`` and ``AES256-SHA``."""

    version: str
    cipher: str


async def offered(endpoint: Endpoint, seconds: float) -> Offer | None:
    """What the server chooses; None when it says nothing usable in that time."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            try:
                if endpoint.tls == "starttls":
                    await _start_tls(reader, writer)
                writer.write(_client_hello(endpoint.host))
                head = await reader.readexactly(_RECORD)
                return server_hello(head + await reader.readexactly(struct.unpack(">H", head[3:])[0]))
            finally:
                writer.close()
                await writer.wait_closed()
    return None


def server_hello(record: bytes) -> Offer | None:
    """Version and cipher of a TLS record with a ServerHello (RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3)."""
    body = record[_RECORD:]
    if len(body) < 39 or record[0] != _HANDSHAKE or body[0] != _SERVER_HELLO:
        return None
    session = body[38]
    if len(body) < 41 + session:
        return None
    (version,) = struct.unpack(">H", body[4:6])
    (cipher,) = struct.unpack(">H", body[39 + session : 41 + session])
    name = "TLSv1.3" if cipher >> 8 == 0x13 else _NAMES.get(version, f"0x{version:04x}")
    return Offer(name, _ciphers().get(cipher, f"0x{cipher:04x}"))


async def _start_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """RFC 9051 section 6.2.1. Raises OSError when the server does not go along."""
    await reader.readline()
    writer.write(b"a STARTTLS\r\n")
    for _ in range(_MOST_LINES):
        line = await reader.readline()
        if line.startswith(b"a "):
            break
    if not line.upper().startswith(b"A OK"):
        raise ConnectionRefusedError


def _client_hello(host: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        _context().wrap_bio(incoming, outgoing, server_hostname=host).do_handshake()
    return outgoing.read()


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """For hellos only: no connection is ever made with it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():  # old versions are named on purpose
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version = ssl.TLSVersion.TLSv1
    made.set_ciphers(_EVERYTHING)
    return made


@lru_cache(maxsize=1)
def _ciphers() -> dict[int, str]:
    return {int(each["id"]) & 0xFFFF: str(each["name"]) for each in _context().get_ciphers()}
