"""Several processes of one service: they join, die while their group moves, and sleep until others have their work."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from services.poller.tasks import lease
from tests.e2e.world import SERVICES, World


def sleep_poller(world: World, seconds: float) -> None:
    """The poller stands still until another one has taken its lease, and goes on beside it."""
    world.processes["asleep"] = asleep = world.processes.pop("poller")
    asleep.send_signal(signal.SIGSTOP)
    world.start("poller")
    time.sleep(lease.SECONDS + seconds)
    asleep.send_signal(signal.SIGCONT)


def come_and_go(world: World, seconds: float) -> None:
    """Of each service a second one joins and the first is killed meanwhile; then the first ones sleep and wake."""
    for name in SERVICES:
        with _second(world, name) as first:
            time.sleep(seconds / 10)
            first.kill()
    with ExitStack() as ended:
        firsts = [ended.enter_context(_second(world, name)) for name in SERVICES]
        for first in firsts:
            first.send_signal(signal.SIGSTOP)
        time.sleep(seconds)  # more than their session lasts
        for first in firsts:
            first.send_signal(signal.SIGCONT)
        time.sleep(seconds / 4)


@contextmanager
def _second(world: World, name: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start another one; the first ends with the block, if it did not before."""
    first = world.processes.pop(name)
    world.start(name)
    try:
        yield first
    finally:
        first.send_signal(signal.SIGCONT)
        first.terminate()
        first.wait(90)
