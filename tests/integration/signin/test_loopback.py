import asyncio

import pytest

from services.cli.loopback import listening

BAD = [
    b"",
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"POST /callback?state=s&code=c HTTP/1.1\r\n\r\n",
    b"GET /other?state=s&code=c HTTP/1.1\r\n\r\n",
    b"GET /callback?code=c HTTP/1.1\r\n\r\n",
    b"GET /callback?state=s&state=t&code=c HTTP/1.1\r\n\r\n",
    b"GET //[/callback?state=s HTTP/1.1\r\n\r\n",
    b"GET /callback?state=s HTTP/1.1\r\n",
    b"GET /callback?state=" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n",
    bytes(range(256)) * 4 + b"\r\n\r\n",
]


async def _sent(port: int, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    writer.write_eof()
    answer = b""
    try:
        answer = await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answer


@pytest.mark.parametrize("octets", BAD, ids=lambda octets: repr(octets[:30]))
async def test_anything_else_is_not_the_call_back_and_the_right_one_still_comes(octets: bytes) -> None:
    async with listening("127.0.0.1") as callback:
        port = int(callback.redirect_uri.rsplit(":", 1)[1].partition("/")[0])
        assert b"200 OK" not in await _sent(port, octets)
        assert not callback.parameters.done()
        good = await _sent(port, b"GET /callback?code=c&state=s&iss=https%3A%2F%2Fx.org HTTP/1.1\r\nHost: x\r\n\r\n")
        assert good.startswith(b"HTTP/1.1 200 OK\r\n")
        assert callback.parameters.result() == {"code": "c", "state": "s", "iss": "https://x.org"}


async def test_a_refusal_is_heard_even_without_its_state() -> None:
    async with listening("127.0.0.1") as callback:
        port = int(callback.redirect_uri.rsplit(":", 1)[1].partition("/")[0])
        said = await _sent(port, b"GET /callback?error=access_denied HTTP/1.1\r\nHost: x\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        assert callback.parameters.result() == {"error": "access_denied"}


async def test_a_taken_port_is_an_error() -> None:
    async with listening("127.0.0.1") as callback:
        port = int(callback.redirect_uri.rsplit(":", 1)[1].partition("/")[0])
        with pytest.raises(OSError, match="in use"):
            async with listening("127.0.0.1", port):
                pass


async def test_the_address_names_the_host_that_was_asked_for() -> None:
    async with listening("localhost") as callback:
        assert callback.redirect_uri.startswith("http://localhost:")
