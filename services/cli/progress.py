"""A progress bar on stderr when that is a terminal, so that stdout stays for the result."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.cli.terminal import is_terminal


@contextmanager
def bar(text: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Show ``text`` with a bar of ``total`` steps, None when nobody knows, while the block runs.

    Call what is given for each step done.
    """
    if not is_terminal(sys.stderr):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda: progress.advance(task)
