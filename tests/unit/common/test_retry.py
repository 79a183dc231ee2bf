"""Back-off and retry in place, without sleeping."""

import pytest

from services.common.errors import Unavailable
from services.common.retry import delays, until_available


def test_delays_double_up_to_the_cap_and_jitter_stays_in_the_upper_half() -> None:
    longest = delays(1, 8, chance=lambda: 1.0)
    assert [next(longest) for _ in range(6)] == [1, 2, 4, 8, 8, 8]
    shortest = delays(1, 8, chance=lambda: 0.0)
    assert [next(shortest) for _ in range(5)] == [0.5, 1, 2, 4, 4]


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.slept: list[float] = []
        self.told: list[tuple[str, float]] = []

    async def __call__(self) -> str:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the store does not answer")
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def failed(self, failure: Unavailable, wait: float) -> None:
        self.told.append((str(failure), wait))


async def test_it_waits_and_tells_until_the_dependency_answers() -> None:
    flaky = Flaky(3)
    assert await until_available(flaky, flaky.failed, iter([1.0, 2.0, 4.0, 8.0]), flaky.sleep) == "done"
    assert flaky.slept == [1, 2, 4]
    assert flaky.told == [("the store does not answer", wait) for wait in (1, 2, 4)]


async def test_the_failure_passes_when_the_waits_are_used_up() -> None:
    flaky = Flaky(9)
    with pytest.raises(Unavailable):
        await until_available(flaky, flaky.failed, [1.0, 2.0], flaky.sleep)
    assert flaky.slept == [1, 2]


async def test_any_other_exception_passes_at_once() -> None:
    flaky = Flaky(0)

    async def bug() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await until_available(bug, flaky.failed, None, flaky.sleep)
    assert flaky.slept == []
