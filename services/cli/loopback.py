"""The call-back of an authorization on this machine (RFC 8252 section 7.3): one GET on a free loopback port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

PATH = "/callback"
_MOST = 16_384
_PAGE = (
    "<!doctype html><meta charset=utf-8><title>Mailweir</title>"
    "<p>Mailweir has the answer. You may close this window. / 授权结果已收到，可以关闭此窗口。"
)


@dataclass(frozen=True, slots=True)
class Callback:
    """Where the call-back is awaited, and its parameters once it came."""

    redirect_uri: str
    parameters: "asyncio.Future[dict[str, str]]"


@asynccontextmanager
async def listening(host: str, port: int = 0) -> AsyncIterator[Callback]:
    """Listen on 127.0.0.1 until the block ends; the address says ``host``. Raises OSError for a taken port."""
    found: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                status, parameters = await _read(reader)
            writer.write(_answer(status))
            await writer.drain()
            if parameters and not found.done():
                found.set_result(parameters)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass  # a browser opens spare connections, and anybody on this machine may send anything
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=_MOST)
    async with server:
        bound = server.sockets[0].getsockname()[1]
        yield Callback(f"http://{host}:{bound}{PATH}", found)


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status to answer, and the parameters of a call-back ({} for anything else, such as a favicon)."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, _, rest = head.partition(" ")
    target = urlsplit(rest.partition(" ")[0])
    if method != "GET" or target.path != PATH:
        return 404, {}
    parameters = parse_qsl(target.query, keep_blank_values=True)
    names = [name for name, _ in parameters]
    ours = {"state", "error"} & set(names) and len(names) == len(set(names))
    return (200, dict(parameters)) if ours else (400, {})


def _answer(status: int) -> bytes:
    body = (_PAGE if status == 200 else "Not found" if status == 404 else "Bad request").encode()
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}[status]
    headers = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n"
        "Connection: close\r\n\r\n"
    )
    return headers.encode() + body
