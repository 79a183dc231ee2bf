"""Silence and slowness, with a loop whose clock the test turns."""

import asyncio

import pytest

from services.poller.imap.errors import ImapError
from services.poller.imap.watch import Watch


class Clock:
    """The two things a Watch wants of a loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, object]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: object) -> "Clock":
        self.due.append((when, callback))
        return self

    def cancel(self) -> None:
        self.due.clear()

    def go(self, until: float) -> None:
        while self.due and self.due[0][0] <= until:
            when, callback = self.due.pop(0)
            self.now = when
            callback()  # type: ignore[operator]
        self.now = until


@pytest.fixture
def scene() -> tuple[Clock, Watch, list[ImapError]]:
    clock, dead = Clock(), []
    loop: asyncio.AbstractEventLoop = clock  # type: ignore[assignment]
    return clock, Watch(loop, 10.0, 100.0, dead.append), dead


def receive(clock: Clock, watch: Watch, until: float, every: float, count: int, response: int | None) -> None:
    while clock.now < until:
        clock.go(clock.now + every)
        watch.progress(count, clock.now)
        watch.inside(response, clock.now)


def test_silence(scene):
    clock, watch, dead = scene
    watch.start(0.0)
    clock.go(9.9)
    assert dead == []
    clock.go(10.0)
    assert str(dead[0]) == "no answer for 10 seconds"


def test_every_byte_starts_the_silence_anew(scene):
    clock, watch, dead = scene
    watch.start(0.0)
    receive(clock, watch, 27.0, 9.0, 5000, 1)
    assert dead == []
    clock.go(37.0)
    assert len(dead) == 1


def test_response_that_crawls(scene):
    clock, watch, dead = scene
    watch.start(0.0)
    receive(clock, watch, 12.0, 1.0, 50, 1)
    assert str(dead[0]) == "the transfer is slower than 100 bytes per second"


def test_response_that_flows(scene):
    clock, watch, dead = scene
    watch.start(0.0)
    receive(clock, watch, 300.0, 1.0, 101, 1)
    assert dead == []


def test_response_begun_late_in_a_window_is_not_judged_by_it(scene):
    clock, watch, dead = scene
    watch.start(0.0)
    receive(clock, watch, 9.0, 1.0, 10, None)
    receive(clock, watch, 10.5, 1.0, 10, 7)
    receive(clock, watch, 20.0, 1.0, 5000, 7)
    assert dead == []


def test_keep_alives_end_after_three_windows(scene):
    clock, watch, dead = scene
    watch.start(0.0)
    receive(clock, watch, 25.0, 1.0, 10, None)
    assert dead == []
    receive(clock, watch, 35.0, 1.0, 10, None)
    assert len(dead) > 0


def test_nothing_happens_when_stopped(scene):
    clock, watch, dead = scene
    watch.start(0.0)
    watch.stop()
    clock.go(1000.0)
    assert dead == []
