"""IDLE (RFC 2177) as a hint: it ends at the first event or at the end of its time."""

import asyncio

from services.poller.imap.classify import refusal
from services.poller.imap.exchange import Exchange
from services.poller.imap.protocol import Connection

_COALESCE = 0.02


async def idle(connection: Connection, seconds: float) -> None:
    """Returns when the server's tagged answer is there; events are in the connection's log."""
    if connection.events.changed:
        return
    exchange = await connection.begin("IDLE", (), frozenset())
    if await connection.prompt(exchange) is not None:
        try:
            await _listen(connection, exchange, seconds)
        except asyncio.CancelledError:
            connection.drop()
            raise
        if exchange.tagged is None:
            connection.answer(exchange, b"DONE")
    while await connection.frames(exchange):
        pass
    answer = connection.finish(exchange)
    if answer.kind != "OK":
        raise refusal(answer, "IDLE")


async def _listen(connection: Connection, exchange: Exchange, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not (connection.events.changed or exchange.tagged is not None):
                await connection.something()
            await asyncio.sleep(_COALESCE)
    except TimeoutError:
        return
