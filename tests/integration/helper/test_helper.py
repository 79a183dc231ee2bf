"""A second process beside the embedded runtime: groups are shared, none is lost when it dies, none outlives us."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.common.errors import Unavailable
from services.common.events import AccessAudited, Event
from services.common.runtime.helper import START_AFTER, helped
from services.common.service import Publisher
from tests.integration.helper.worker import Notes

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECONDS = 120


def audits(first: int, count: int, detail: str = "") -> list[Event]:
    return [
        AccessAudited(
            id=str(number), at=NOW, service="poller", account="work", action="fetch", outcome="ok", detail=detail
        )
        for number in range(first, first + count)
    ]


def noted(file: Path) -> dict[str, set[str]]:
    """Ids by the process that published them."""
    found: dict[str, set[str]] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        pid, number = line.split()
        found.setdefault(pid, set()).add(number)
    return found


def with_helper(file: Path, action: Callable[[Publisher], Awaitable[None]]) -> None:
    command = (sys.executable, "-m", "tests.integration.helper.worker", str(file))

    async def run() -> None:
        async with asyncio.timeout(SECONDS), helped(Notes(file), command) as publisher:
            await action(publisher)

    asyncio.run(run())


async def until_it_helps(publisher: Publisher, file: Path) -> int:
    """Publish until the helper takes part; how many events that took."""
    count = 0
    while len(noted(file)) < 2:
        await publisher.publish(audits(count, START_AFTER))
        count += START_AFTER
        await asyncio.sleep(0.01)
    return count


def helper_of(file: Path) -> str:
    return next(pid for pid in noted(file) if pid != str(os.getpid()))


def gone(pid: str) -> bool:
    return not Path("/proc", pid).exists()


def test_few_events_start_no_process(tmp_path: Path) -> None:
    file = tmp_path / "notes"

    async def few(publisher: Publisher) -> None:
        await publisher.publish(audits(0, START_AFTER - 1))

    with_helper(file, few)
    assert set(noted(file)) == {str(os.getpid())}


def test_many_events_are_shared_and_the_helper_ends_with_the_block(tmp_path: Path) -> None:
    file, counts = tmp_path / "notes", []

    async def many(publisher: Publisher) -> None:
        counts.append(await until_it_helps(publisher, file))

    with_helper(file, many)
    assert set().union(*noted(file).values()) == {str(number) for number in range(counts[0])}
    assert gone(helper_of(file))


def test_a_group_whose_helper_dies_is_published_here(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    own: list[Sequence[Event]] = []

    class Own:
        async def publish(self, events: Sequence[Event]) -> None:
            own.append(events)

    async def run() -> None:
        command = (sys.executable, "-m", "tests.integration.helper.worker", str(file))
        async with asyncio.timeout(SECONDS), helped(Own(), command) as publisher:
            while not noted(file):
                await publisher.publish(audits(0, START_AFTER))
                await asyncio.sleep(0.01)
            await publisher.publish(audits(7, 3, "die"))
            await publisher.publish(audits(20, 1))

    asyncio.run(run())
    assert own[-2:] == [audits(7, 3, "die"), audits(20, 1)]
    assert gone(next(iter(noted(file))))


@pytest.mark.parametrize(("detail", "raised"), [("fail", Unavailable), ("bug", RuntimeError)])
def test_what_the_helper_raises_is_raised_here(tmp_path: Path, detail: str, raised: type[Exception]) -> None:
    file = tmp_path / "notes"

    async def fail(publisher: Publisher) -> None:
        await until_it_helps(publisher, file)
        await publisher.publish(audits(0, 1, detail))

    with pytest.raises(raised):
        with_helper(file, fail)
    assert gone(helper_of(file))


def test_a_block_that_is_cancelled_leaves_no_helper(tmp_path: Path) -> None:
    file = tmp_path / "notes"

    async def cancelled(publisher: Publisher) -> None:
        await until_it_helps(publisher, file)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        with_helper(file, cancelled)
    assert gone(helper_of(file))


def test_a_helper_that_cannot_start_is_done_without(tmp_path: Path) -> None:
    file = tmp_path / "notes"

    async def run() -> None:
        async with helped(Notes(file), (sys.executable, "-c", "raise SystemExit(1)")) as publisher:
            for number in range(3):
                await publisher.publish(audits(number * START_AFTER, START_AFTER))

    asyncio.run(run())
    assert len(noted(file)[str(os.getpid())]) == 3 * START_AFTER
