"""Groups on their way out beside the download."""

import asyncio
from pathlib import Path

import pytest

from services.poller.fetching.delivery import AT_ONCE, Group, delivering
from services.poller.imap.model import Fetched, Listing, Spooled


def _groups(count: int) -> list[Group]:
    return [[] for _ in range(count)]


def test_groups_are_delivered_side_by_side_and_no_more_than_allowed() -> None:
    running, most = 0, 0

    async def deliver(_group: Group) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async def run() -> None:
        async with delivering(deliver) as put:
            for group in _groups(10):
                await put(group)

    asyncio.run(run())
    assert (most, running) == (AT_ONCE, 0)


def test_a_failed_block_still_delivers_what_was_put() -> None:
    delivered: list[Group] = []

    async def deliver(group: Group) -> None:
        await asyncio.sleep(0)
        delivered.append(group)

    async def run() -> None:
        async with delivering(deliver) as put:
            await put([])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(run())
    assert len(delivered) == 1


def test_a_failed_delivery_stops_the_next_put_and_ends_the_others_first() -> None:
    ended: list[int] = []

    async def deliver(_group: Group) -> None:
        if not ended:
            ended.append(0)
            raise ConnectionResetError
        await asyncio.sleep(0)
        ended.append(1)

    async def run() -> None:
        async with delivering(deliver) as put:
            for group in _groups(50):
                await put(group)

    with pytest.raises(ConnectionResetError):
        asyncio.run(run())
    assert len(ended) <= AT_ONCE


def test_cancelling_ends_all_deliveries() -> None:
    cancelled = 0

    async def deliver(_group: Group) -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1
            raise

    async def run() -> None:
        async with delivering(deliver) as put:
            for group in _groups(AT_ONCE + 1):
                await put(group)

    async def cancel() -> None:
        task = asyncio.create_task(run())
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert cancelled == AT_ONCE


def test_a_failed_delivery_does_not_hide_that_the_block_is_cancelled() -> None:
    async def deliver(_group: Group) -> None:
        raise ConnectionResetError

    async def run() -> None:
        async with delivering(deliver) as put:
            await put([])
            await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(run())
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())


def _large(folder: Path, uid: int) -> Group:
    path = folder / f"{uid}.literal"
    path.touch()
    return [Fetched(Listing(uid), Spooled(path, 0, "")), Fetched(Listing(uid + 1000), b"small")]


def test_files_are_there_while_their_group_is_delivered_and_gone_afterwards(tmp_path: Path) -> None:
    seen: list[bool] = []

    async def deliver(group: Group) -> None:
        assert isinstance(group[0].body, Spooled)
        seen.append(group[0].body.path.exists())

    async def run() -> None:
        async with delivering(deliver) as put:
            await put(_large(tmp_path, 1))

    asyncio.run(run())
    assert seen == [True]
    assert list(tmp_path.iterdir()) == []


def test_a_failed_delivery_leaves_no_file_of_its_group_nor_of_those_that_are_not_taken_then(tmp_path: Path) -> None:
    async def deliver(_group: Group) -> None:
        raise ConnectionResetError

    async def run() -> None:
        async with delivering(deliver) as put:
            for uid in range(AT_ONCE + 1):
                await put(_large(tmp_path, uid))

    with pytest.raises(ConnectionResetError):
        asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_a_group_that_is_cancelled_before_it_began_leaves_no_file(tmp_path: Path) -> None:
    async def deliver(_group: Group) -> None:
        raise AssertionError("it was cancelled before")

    async def run() -> None:
        async with delivering(deliver) as put:
            await put(_large(tmp_path, 1))
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert list(tmp_path.iterdir()) == []
