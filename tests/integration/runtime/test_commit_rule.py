"""Our consumer on a real broker: whatever is acknowledged in whatever order, the commit never steps over a hole."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from services.common.runtime.kafka.consumer import install
from services.common.runtime.kafka.worker import _app
from tests.integration.runtime.lab import READ, Lab

COUNT = 20


@pytest.mark.parametrize(
    ("never", "committed"),
    [(set(), 20), ({0}, None), ({3}, 3), ({5}, 5), ({10, 12}, 10), ({19}, 19)],
)
async def test_the_commit_stays_below_the_lowest_open_record_and_no_folder_is_left(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, never: set[int], committed: int | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = _app(f"{lab.prefix}sink", lab.settings.model_copy(update={"commit_interval": 0.2}))
    topic = app.topic(f"{lab.prefix}{READ.name}", value_type=bytes, value_serializer="raw", key_serializer="raw")
    seen: list[int] = []

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            seen.append(event.message.offset)
            if event.message.offset not in never:
                event.ack()

    app.agent(topic)(agent)
    install(app)
    app.consumer.reads({}, COUNT)
    await send_to_one_partition(lab)
    await app.start()
    try:
        await lab.until("all seen", lambda: len(seen) == COUNT)
        await lab.until_committed(committed or 0)
        assert left_in(tmp_path) == []
    finally:
        await app.stop()
    assert (await lab.committed() or None) == committed


async def test_what_was_read_while_partitions_moved_comes_again_though_nothing_is_committed_yet(lab: Lab) -> None:
    app = _app(f"{lab.prefix}sink", lab.settings)
    topic = app.topic(f"{lab.prefix}{READ.name}", value_type=bytes, value_serializer="raw", key_serializer="raw")
    seen: list[int] = []

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            seen.append(event.message.offset)  # noqa: PERF401 -- looked at meanwhile

    app.agent(topic)(agent)
    install(app)
    app.consumer.reads({}, 3 * COUNT)
    await send_to_one_partition(lab)
    await app.start()
    try:
        await lab.until("all seen", lambda: len(seen) == COUNT)
        await app.consumer._again()
        await lab.until("all seen again", lambda: seen[COUNT:] == list(range(COUNT)), within=30)
    finally:
        await app.stop()


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def send_to_one_partition(lab: Lab) -> None:
    async with AIOKafkaProducer(bootstrap_servers=lab.bootstrap) as producer:
        for number in range(COUNT):
            await producer.send_and_wait(lab.prefix + READ.name, b"%d" % number, partition=0)
