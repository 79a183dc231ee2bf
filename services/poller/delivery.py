"""A short queue between the IMAP connection and the way out: the next batch is fetched while one is delivered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.poller.imap.model import Fetched

Group = list[Fetched]
Put = Callable[[Group], Awaitable[None]]


@asynccontextmanager
async def delivering(deliver: Callable[[Group], Awaitable[None]]) -> AsyncIterator[Put]:
    """Run ``deliver`` on each group, in order, beside the block; at most one group waits.

    On leaving the block all groups that were put are delivered, also when the block failed: what was downloaded is not
    thrown away. A failure of ``deliver`` is raised by the next put, or at the end.
    """
    queue: asyncio.Queue[Group | None] = asyncio.Queue(maxsize=1)

    async def run() -> None:
        while (group := await queue.get()) is not None:
            await deliver(group)

    task = asyncio.create_task(run())

    async def put(group: Group | None) -> None:
        putting = asyncio.ensure_future(queue.put(group))
        try:
            await asyncio.wait({putting, task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
        if task.done():
            task.result()

    try:
        yield put
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        if not task.done():
            await put(None)
        if not task.cancelled():
            await task
