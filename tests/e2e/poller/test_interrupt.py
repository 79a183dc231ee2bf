"""A sync that is asked to end (Ctrl-C, SIGTERM, a terminal that goes) ends in order and says what is left."""

import re
import signal
from itertools import accumulate
from pathlib import Path

from tests.e2e.poller.held import BATCH, caught, desk, holding, is_stored_once, kill
from tests.fakes.imap_model import Script

COUNT = 800
REQUESTS = (5, 6, 7)
HELD = tuple(accumulate(REQUESTS))


def many() -> Script:
    return holding(COUNT, HELD)


def test_it_says_what_is_safe_and_the_next_sync_fetches_the_rest_once(tmp_path: Path) -> None:
    with desk(tmp_path, f"{__name__}:many") as mailweir:
        for number, requests, sent in zip(HELD, REQUESTS, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP), strict=True):
            process = caught(mailweir, tmp_path, number, BATCH * (requests - 3))
            process.send_signal(sent)
            try:
                _, told = process.communicate(timeout=60)
            finally:
                kill(process)
            assert process.returncode == -sent, told
            found = re.search(r"^t: (\d+) messages are stored and safe, (\d+) are left$", told, re.MULTILINE)
            assert found, told
            assert (int(found[1]) > 0, int(found[1]) + int(found[2])) == (True, COUNT)
            assert told.endswith(
                "mailweir: stopped; nothing is damaged and what is stored stays: run the same command again\n"
            )
            assert "Traceback" not in told
        final = mailweir("sync", "t")
        assert final.returncode == 0, final.stderr
        assert is_stored_once(mailweir, COUNT)
