"""How far long work is, on stderr, as stdout is for the result: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from services.cli.terminal import has_cursor

_EVERY = 30.0  # seconds


@contextmanager
def bar(text: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show ``text`` with a bar of ``total`` steps, None when nobody knows, while the block runs.

    Call what is given for each step done.
    """
    if not has_cursor(sys.stderr):
        yield _counting(text, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda: progress.advance(task)


def now_and_then(every: float = _EVERY, now: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """Whether it is time to say how far it is: not before ``every`` seconds, and then no more often."""
    last = now()

    def due() -> bool:
        nonlocal last
        if now() - last < every:
            return False
        last = now()
        return True

    return due


def _counting(text: str, total: int | None) -> Callable[[], None]:
    due, done = now_and_then(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        if due():
            click.echo(f"{text}: {done}" if total is None else f"{text}: {done} of {total}", err=True)

    return advance
