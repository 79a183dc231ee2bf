"""A sync that is killed with SIGKILL again and again: in the end every message is stored once."""

from itertools import accumulate
from pathlib import Path

from tests.e2e.poller.held import BATCH, caught, desk, holding, is_stored_once, kill, stored
from tests.fakes.imap_model import Script

COUNT = 1500
REQUESTS = (5, 10, 15, 20)  # that each sync makes until it is killed, the first two for fewer messages than a batch
HELD = tuple(accumulate(REQUESTS))


def many() -> Script:
    return holding(COUNT, HELD)


def test_kill_9_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    with desk(tmp_path, f"{__name__}:many") as mailweir:
        for number, requests in zip(HELD, REQUESTS, strict=True):
            kill(caught(mailweir, tmp_path, number, BATCH * (requests - 3)))
        assert stored(mailweir) < COUNT
        final = mailweir("sync", "t")
        assert final.returncode == 0, final.stderr
        assert is_stored_once(mailweir, COUNT)
