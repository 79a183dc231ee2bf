"""A folder of which no message comes is left alone, longer each time, until something comes."""

from dataclasses import replace

import pytest

from services.common.clock import SystemClock
from services.poller.fetching import resting
from services.poller.imap.errors import Refused
from tests.integration.poller.ten_messages import ten

KEY = ("f1", 1)


class Clock(SystemClock):
    time = 1000.0

    def monotonic(self) -> float:
        return self.time


async def test_a_folder_rests_twice_as_long_each_time_up_to_an_hour(play):
    clock, waits = Clock(), []
    async with play(ten(), backoff_base=5) as p:
        work = replace(p.work(), clock=clock, chance=lambda: 1.0)
        for _ in range(12):
            resting.check(work, KEY)
            failure = resting.begin(work, KEY, 25, "NO later")
            assert failure.usable
            waits.append(work.memory.rests[KEY].until - clock.time)
            for moment in (0.0, waits[-1] - 0.1):
                clock.time += moment
                with pytest.raises(Refused, match=r"none of the messages .* \(25 were tried\): NO later"):
                    resting.check(work, KEY)
            clock.time += 0.2
        assert waits == pytest.approx([5.0 * 2**times for times in range(10)] + [3600.0, 3600.0])
        resting.begin(work, KEY, 25, "NO later")
        resting.end(work, KEY)
        resting.check(work, KEY)
        resting.begin(work, KEY, 25, "NO later")
        assert work.memory.rests[KEY].until - clock.time == pytest.approx(5.0)
