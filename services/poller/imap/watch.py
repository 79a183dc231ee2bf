"""When is a connection dead: silence for too long, or a transfer too slow to be one."""

import asyncio
from collections.abc import Callable

from services.poller.imap.errors import ImapError, OperationTimeout

_SLOW_WINDOWS = 3


class Watch:
    """Runs while an answer is awaited.

    ``timeout`` seconds without a byte end it. A response that takes ``timeout`` seconds and brings less than
    ``min_rate`` bytes a second ends it; so do three such windows with whole responses in them (keep-alives).
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, timeout: float, min_rate: float, dead: Callable[[ImapError], None]
    ) -> None:
        self._loop = loop
        self._timeout = timeout
        self._min_rate = min_rate
        self._dead = dead
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._window: float | None = None
        self._bytes = 0
        self._slow = 0
        self._response = 0
        self._began: float | None = None

    def start(self, now: float) -> None:
        """An answer is awaited from now on."""
        self._last, self._window, self._bytes, self._slow = now, None, 0, 0
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._timeout, self._tick)

    def stop(self) -> None:
        """Nothing is awaited."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def progress(self, count: int, now: float) -> None:
        """``count`` bytes came."""
        self._last = now
        if self._window is None:
            self._window, self._bytes = now, 0
        self._bytes += count

    def inside(self, response: int | None, now: float) -> None:
        """Which response, by its number, is incomplete now; None between two."""
        if response is None:
            self._began = None
        elif self._began is None or response != self._response:
            self._response, self._began = response, now

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now - self._last >= self._timeout:
            self._dead(OperationTimeout(f"no answer for {self._timeout:g} seconds"))
            return
        if self._window is not None and now - self._window >= self._timeout and self._too_slow(now):
            self._dead(OperationTimeout(f"the transfer is slower than {self._min_rate:g} bytes per second"))
            return
        due = self._last if self._window is None else min(self._last, self._window)
        self._timer = self._loop.call_at(due + self._timeout, self._tick)

    def _too_slow(self, now: float) -> bool:
        assert self._window is not None
        slow = self._bytes < self._min_rate * (now - self._window)
        stuck = self._began is not None and self._began <= self._window
        self._slow = self._slow + 1 if slow else 0
        self._window, self._bytes = now, 0
        return slow and (stuck or self._slow >= _SLOW_WINDOWS)
