"""The thread that reads the broker, and the loop that started it."""

import asyncio

import faust

from services.common.runtime.kafka.consumer import PromptThread, install


async def reader() -> PromptThread:
    app = faust.App("outlived", autodiscover=False)
    install(app)
    thread = app.consumer._thread
    assert isinstance(thread, PromptThread)
    return thread


def test_a_reader_that_outlives_the_loop_that_started_it_ends_without_an_error() -> None:
    thread = asyncio.run(reader())
    assert thread.parent_loop.is_closed()
    thread.set_shutdown()
    thread.thread_loop.close()
