"""The parser against others in the same run: ``python -m benchmarks.parser [--quick] [--json]``.

One process per parser, taken in turn with a new order each round; medians; a message that a parser refuses counts with
the time it took. Memory is the peak above the message itself, in a process of its own.
"""

import argparse
import gc
import json
import logging
import random
import statistics
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

from benchmarks.machine import told
from benchmarks.parser_rows import EXTRA, PARSERS, attachment, rows

_BIG = ("5 MB attachment", "25 MB attachment")
Result = dict[str, dict[str, dict[str, float]]]


def _worker(name: str, quick: bool, pipe: Connection) -> None:
    """Answers with the seconds and the refusals of one pass over the row that it is asked for."""
    logging.disable()  # the default policy and mail-parser complain of many messages
    parse = (PARSERS | EXTRA)[name]
    messages = rows(quick=quick)
    with suppress(Exception):
        parse(messages["mix"][0])
    pipe.send(list(messages))
    while (row := pipe.recv()) is not None:
        refused = 0
        gc.collect()
        start = perf_counter()
        for raw in messages[row]:
            try:
                parse(raw)
            except Exception:
                refused += 1
        pipe.send(((perf_counter() - start) / len(messages[row]), refused))


def _peak(name: str, file: str, pipe: Connection) -> None:
    """Peak resident memory above the level with the message loaded, as a share of the message size."""
    parse = (PARSERS | EXTRA)[name]
    parse(b"Subject: warm up\r\n\r\nx")
    raw = Path(file).read_bytes()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    parse(raw)
    pipe.send((_status("VmHWM") - before) / len(raw))


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measure(*, quick: bool, rounds: int) -> Result:
    """Seconds per message and refusals by row and parser."""
    context = get_context("spawn")
    pipes: dict[str, Connection] = {}
    workers = []
    for name in (*PARSERS, *EXTRA):
        here, there = context.Pipe()
        worker = context.Process(target=_worker, args=(name, quick, there), daemon=True)
        worker.start()
        workers.append(worker)
        pipes[name] = here
    ready = [pipe.recv() for pipe in pipes.values()]
    result: Result = {row: _row(row, pipes, rounds) for row in ready[0]}
    for pipe, worker in zip(pipes.values(), workers, strict=True):
        pipe.send(None)
        worker.join()
    return result


def _row(row: str, pipes: Mapping[str, Connection], rounds: int) -> dict[str, dict[str, float]]:
    taken = [name for name in pipes if name in PARSERS or row in _BIG]
    times: dict[str, list[tuple[float, int]]] = {name: [] for name in taken}
    for number in range(rounds):
        for name in random.Random(number).sample(taken, len(taken)):
            pipes[name].send(row)
            times[name].append(pipes[name].recv())
    slowest = statistics.median(seconds for seconds, _ in times["stdlib default"])
    found = {}
    for name, taken_times in times.items():
        seconds = statistics.median(second for second, _ in taken_times)
        found[name] = {"per_second": 1 / seconds, "ratio": slowest / seconds, "refused": taken_times[0][1]}
    return found


def memory(megabytes: int) -> dict[str, float]:
    """Peak memory by parser, as a multiple of the message."""
    context = get_context("spawn")
    found = {}
    with tempfile.NamedTemporaryFile() as file:
        file.write(attachment(megabytes))
        file.flush()
        for name in (*PARSERS, "mailweir streamed"):
            here, there = context.Pipe()
            worker = context.Process(target=_peak, args=(name, file.name, there))
            worker.start()
            found[name] = here.recv()
            worker.join()
    return found


def goals(result: Result, peaks: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """What is promised: the value reached and the bar."""
    mix = {name: found["per_second"] for name, found in result["mix"].items()}
    big = result[_BIG[1] if _BIG[1] in result else _BIG[0]]
    wall = big["find+base64+sha256"]["per_second"]
    return {
        "mix, times stdlib default": (mix["mailweir"] / mix["stdlib default"], 15.0),
        "mix, times fast-mail-parser": (mix["mailweir"] / mix["fast-mail-parser"], 0.4),
        "attachment, times the physical limit": (big["mailweir"]["per_second"] / wall, 0.6),
        "memory / size, at most": (peaks["mailweir"], 1.2),
        "memory / size streamed, at most": (peaks["mailweir streamed"], 0.3),
    }


def show(result: Result, peaks: Mapping[str, float]) -> None:
    """Two tables: speed and memory, then the goals."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("messages per second (ratio to stdlib default)", *PARSERS, *EXTRA)
    for row, found in result.items():
        cells = [f"{cell['per_second']:,.1f} ({cell['ratio']:.1f})" for cell in _cells(found)]
        table.add_row(row, *(cell if not cell.startswith("-") else "" for cell in cells))
    table.add_row(
        "memory / message size", *[f"{peaks[name]:.2f}" if name in peaks else "" for name in (*PARSERS, *EXTRA)]
    )
    console.print(table)
    for name, (reached, bar) in goals(result, peaks).items():
        met = reached <= bar if "at most" in name else reached >= bar
        console.print(f"{'met   ' if met else 'MISSED'} {name}: {reached:.2f} (bar {bar})")


def _cells(found: Mapping[str, dict[str, float]]) -> list[dict[str, float]]:
    absent = {"per_second": -1.0, "ratio": 0.0}
    return [found.get(name, absent) for name in (*PARSERS, *EXTRA)]


def main() -> None:
    """Measure and show; exit code 1 when a bar is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="fewer messages, no 25 MB row")
    options.add_argument("--json", action="store_true", help="one JSON object")
    options.add_argument("--rounds", type=int, default=0)
    arguments = options.parse_args()
    result = measure(quick=arguments.quick, rounds=arguments.rounds or (3 if arguments.quick else 5))
    peaks = memory(5 if arguments.quick else 25)
    reached = goals(result, peaks)
    if arguments.json:
        print(json.dumps({"rows": result, "memory": peaks, "goals": reached}))
    else:
        print(told())
        show(result, peaks)
    sys.exit(any((value > bar) if "at most" in name else (value < bar) for name, (value, bar) in reached.items()))


if __name__ == "__main__":
    main()
