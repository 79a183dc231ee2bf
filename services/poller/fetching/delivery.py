"""Between the IMAP connection and the way out: the next batch is fetched while others are delivered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from services.poller.imap.model import Fetched
from services.poller.imap.spooling import discard

Group = list[Fetched]
Put = Callable[[Group], Awaitable[None]]
AT_ONCE = 3  # while one group waits for the disk, another is parsed


@asynccontextmanager
async def delivering(deliver: Callable[[Group], Awaitable[None]]) -> AsyncIterator[Put]:
    """Run ``deliver`` on each group beside the block, at most ``AT_ONCE`` of them; a put waits until one may begin.

    Groups begin in order and may end in any: each is confirmed by itself. On leaving the block all groups that were
    put are delivered, also when the block failed: what was downloaded is not thrown away. A failure of ``deliver`` is
    raised by the next put, or at the end. A group's files go when it was delivered, or will not be.
    """
    free = asyncio.Semaphore(AT_ONCE)
    running: list[asyncio.Task[None]] = []

    async def run(group: Group) -> None:
        try:
            await deliver(group)
        finally:
            free.release()

    async def put(group: Group) -> None:
        try:
            await free.acquire()
            for task in filter(asyncio.Task.done, running):
                task.result()
        except BaseException:
            _discard(group)
            raise
        running[:] = [task for task in running if not task.done()]
        running.append(asyncio.create_task(run(group)))
        running[-1].add_done_callback(lambda _: _discard(group))

    try:
        yield put
    except asyncio.CancelledError:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        running.clear()  # what they failed with would hide that we are stopped
        raise
    finally:
        for result in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def _discard(group: Group) -> None:
    discard(fetched.body for fetched in group)
