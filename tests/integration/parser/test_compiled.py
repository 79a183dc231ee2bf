import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra import compiled
from services.parser.compiled import FOLDER, folder

ROOT = Path(__file__).parents[3]


def digests(interpreted: str) -> list[str]:
    environment = os.environ | {"MAILWEIR_INTERPRETED": interpreted}
    command = [sys.executable, "-m", "tests.parsed_digests"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines()


def test_the_compiled_parser_says_what_the_interpreted_one_says() -> None:
    assert compiled.main() == 0
    with ThreadPoolExecutor(2) as pool:
        (form, *ours), (plain, *expected) = pool.map(digests, "01")
    assert len(expected) > 3_000
    assert ours == expected
    assert plain.endswith("assemble.py")
    assert form.startswith(str(FOLDER)) == folder().is_dir(), form
