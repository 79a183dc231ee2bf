"""Damaged mail by the hundred thousand: ``python -m benchmarks.fuzz_parser [--count N] [--seed S]``.

Every mutant has to be parsed without an exception, keep the invariants of ``tests.mail_invariants``, and stay below
0.2 s. A mutant that does not is written to a file and named; the exit code is then 1.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from services.parser.mime import parse
from tests.corpus_mail import messages
from tests.mail_invariants import check_streamed, checked
from tests.mutants import mutants

OWN = Path(__file__).parents[1] / "tests" / "corpus"
SLOW = 0.2
_LARGEST_SEED = 60_000


def seeds() -> list[bytes]:
    """Own hard cases and small messages of the shared corpus."""
    own = [path.read_bytes() for path in sorted(OWN.rglob("*.eml"))]
    return [raw for raw in (*own, *messages(1_500)) if 0 < len(raw) < _LARGEST_SEED]


def fault(raw: bytes, number: int) -> str | None:
    """What is wrong with the parse of one mutant; every tenth one is also parsed by blocks."""
    try:
        start = perf_counter()
        parse(raw)
        seconds = perf_counter() - start
        parsed = checked(raw)
        if number % 10 == 0:
            check_streamed(raw, parsed)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return f"{seconds:.2f} s for {len(raw)} octets" if seconds > SLOW else None


def main() -> None:
    """Run and report."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=20261121)
    arguments = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    faults: dict[str, int] = {}
    start = perf_counter()
    for number, raw in enumerate(mutants(seeds(), arguments.count, arguments.seed)):
        found = fault(raw, number)
        if found is not None:
            kind = found.partition(" of part")[0].partition(": [")[0]
            faults[kind] = faults.get(kind, 0) + 1
            if faults[kind] <= 3:
                path = folder / f"{number}.eml"
                path.write_bytes(raw)
                print(f"{path}: {found}", flush=True)
    print(f"{arguments.count} mutants, {sum(faults.values())} faults, {perf_counter() - start:.0f} s")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
