"""How a command starts."""

import os
import subprocess
import sys
from pathlib import Path

COUNTED = """
import atexit, gc, sys
from services.cli.main import main
before = gc.get_stats()[0]["collections"]
atexit.register(lambda: print(gc.get_stats()[0]["collections"] - before))
sys.argv = ["mailweir", "sync"]
main()
"""


def test_nothing_that_a_command_imports_is_taken_for_garbage(tmp_path: Path) -> None:
    environment = {**os.environ, "MAILWEIR_HOME": str(tmp_path / "home"), "MAILWEIR_LOG": "no level"}
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "MAILWEIR_LOG" in done.stderr) == (2, True), done.stderr
    assert int(done.stdout) < 20  # well over a hundred where it looks after each 700 objects


ENDED = """
import sys
from services.cli import main
from services.common.errors import Unavailable
def refused(**_):
    raise Unavailable("the disk of Postgres is full; make room, it is tried again")
main.cli = refused
main.main()
"""


def test_a_command_that_ends_says_not_that_it_tries_again() -> None:
    done = subprocess.run([sys.executable, "-c", ENDED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "mailweir: the disk of Postgres is full; make room, run this again\n")
