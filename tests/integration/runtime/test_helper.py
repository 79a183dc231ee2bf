"""A second process beside the embedded runtime: groups are shared, none is lost when it dies, none outlives us."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from services.cli.helper import helper
from services.common.database import engine_for
from services.common.errors import Unavailable
from services.common.events import AccessAudited, Event, MessageFetched
from services.common.runtime.helper import WORTH, forked, help_with, helped
from services.common.service import Publisher
from services.common.settings import Settings
from services.front.context import Context
from tests.fakes.mail_events import fetched
from tests.polling import until

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the test runner may have a thread

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECONDS = 120


class Notes:
    """A publisher that appends ids to a file; ``die``, ``fail`` and ``bug`` in the audit detail decide otherwise."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def publish(self, events: Sequence[Event]) -> None:
        audits = [event for event in events if isinstance(event, AccessAudited)]
        asked = {event.detail for event in audits}
        if "die" in asked:
            os._exit(9)
        if "fail" in asked:
            raise Unavailable("the disk is full")
        if "bug" in asked:
            raise ZeroDivisionError
        mails = [event for event in events if isinstance(event, MessageFetched)]
        with self._file.open("a") as file:
            file.writelines(f"{os.getpid()} {event.id}\n" for event in audits)
            file.writelines(f"{os.getpid()} {event.place.uid}:{event.hashed}\n" for event in mails)


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


def with_helper(file: Path, action: Callable[[Publisher], Awaitable[None]], own: Publisher | None = None) -> None:
    def work(connection: socket.socket) -> None:
        asyncio.run(help_with(connection, Notes(file)))

    async def run(connection: socket.socket) -> None:
        async with asyncio.timeout(SECONDS), helped(own or Notes(file), connection) as publisher:
            await action(publisher)

    with forked(work) as connection:
        asyncio.run(run(connection))


async def until_it_helps(publisher: Publisher, file: Path) -> int:
    """Publish until the helper takes part; how many events that took."""
    count = 0
    while not noted(file).keys() - {str(os.getpid())}:
        await publisher.publish(audits(count, WORTH))
        count += WORTH
        await asyncio.sleep(0.01)
    return count


def helper_of(file: Path) -> str:
    return next(pid for pid in noted(file) if pid != str(os.getpid()))


def gone(pid: str) -> bool:
    return not Path("/proc", pid).exists()


def test_few_events_stay_here(tmp_path: Path) -> None:
    file = tmp_path / "notes"

    async def few(publisher: Publisher) -> None:
        await until_it_helps(publisher, file)
        before = noted(file)[helper_of(file)]
        await publisher.publish(audits(10**6, WORTH - 1))
        assert noted(file)[helper_of(file)] == before

    with_helper(file, few)
    assert {str(number) for number in range(10**6, 10**6 + WORTH - 1)} <= noted(file)[str(os.getpid())]


def test_many_events_are_shared_and_the_helper_ends_with_the_block(tmp_path: Path) -> None:
    file, counts = tmp_path / "notes", []

    async def many(publisher: Publisher) -> None:
        counts.append(await until_it_helps(publisher, file))

    with_helper(file, many)
    assert set().union(*noted(file).values()) == {str(number) for number in range(counts[0])}
    assert gone(helper_of(file))


@pytest.mark.parametrize("hashed", [True, False])
def test_the_helper_believes_a_hash_that_was_taken_here_and_no_other(tmp_path: Path, hashed: bool) -> None:
    file = tmp_path / "notes"
    mails = [replace(fetched(b"x", uid), hashed=hashed) for uid in range(1, WORTH + 1)]

    async def share(publisher: Publisher) -> None:
        await until_it_helps(publisher, file)
        await publisher.publish(mails)

    with_helper(file, share)
    assert {f"{uid}:{hashed}" for uid in range(1, WORTH + 1)} <= noted(file)[helper_of(file)]


def test_a_group_whose_helper_dies_is_published_here(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    own: list[Sequence[Event]] = []

    class Own:
        async def publish(self, events: Sequence[Event]) -> None:
            own.append(events)

    async def die(publisher: Publisher) -> None:
        await until_it_helps(publisher, file)
        await publisher.publish(audits(7, WORTH, "die"))
        await publisher.publish(audits(20, WORTH))

    with_helper(file, die, Own())
    assert own[-2:] == [audits(7, WORTH, "die"), audits(20, WORTH)]


@pytest.mark.parametrize(("detail", "raised"), [("fail", Unavailable), ("bug", RuntimeError)])
def test_what_the_helper_raises_is_raised_here(tmp_path: Path, detail: str, raised: type[Exception]) -> None:
    file = tmp_path / "notes"

    async def fail(publisher: Publisher) -> None:
        await until_it_helps(publisher, file)
        await publisher.publish(audits(0, WORTH, detail))

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


def test_a_helper_that_fails_at_its_start_is_done_without(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notes"

    def work(_connection: socket.socket) -> None:
        raise ZeroDivisionError

    async def run(connection: socket.socket) -> None:
        async with helped(Notes(file), connection) as publisher:
            for number in range(3):
                await publisher.publish(audits(number * WORTH, WORTH))

    with forked(work) as connection:
        asyncio.run(run(connection))
    assert len(noted(file)[str(os.getpid())]) == 3 * WORTH
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_a_parent_that_is_killed_takes_its_helper_along(tmp_path: Path) -> None:
    def parent(_connection: socket.socket) -> None:
        with_helper(tmp_path / "notes", killed)

    async def killed(_publisher: Publisher) -> None:
        name_the_child()
        os.kill(os.getpid(), signal.SIGKILL)

    def name_the_child() -> None:
        (child,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        (tmp_path / "helper").write_text(child)

    with forked(parent):
        until((tmp_path / "helper").exists)
        until(lambda: gone((tmp_path / "helper").read_text() or "self"))


def test_there_is_one_unless_other_threads_run(tmp_path: Path, database: Engine) -> None:
    url = database.url.render_as_string(hide_password=False)

    def of_one_thread(_connection: socket.socket) -> None:
        context = Context(Settings(home=tmp_path), url, engine_for(url))
        with context.engine.connect():
            pass  # as every command has asked the database before
        with helper(context) as alone, ThreadPoolExecutor() as threads:
            threads.submit(os.getpid).result()
            with helper(context) as beside:
                (tmp_path / "seen").write_text(f"{alone is None} {beside is None}")

    with forked(of_one_thread):
        pass
    assert (tmp_path / "seen").read_text() == f"{os.cpu_count() == 1} True"


def test_a_block_that_publishes_nothing_ends(tmp_path: Path) -> None:
    async def nothing(_publisher: Publisher) -> None:
        return

    with_helper(tmp_path / "notes", nothing)
    assert noted(tmp_path / "notes") == {}
