"""A progress bar on stderr when that is a terminal; silence otherwise."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.cli.terminal import is_terminal
from services.poller.work import Progress, silent


@contextmanager
def bar() -> Iterator[Callable[[Progress], None]]:
    """A watcher of sync progress: one line per folder that is being retrieved."""
    if not is_terminal(sys.stderr):
        yield silent
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from services.front.plain import line

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[tuple[str, str], int] = {}

        def watch(step: Progress) -> None:
            key = (step.account, step.folder)
            if key not in tasks:
                tasks[key] = bars.add_task(escape(f"{step.account}: {line(step.folder)}"), total=step.wanted)
            bars.update(tasks[key], total=step.wanted, completed=step.done)  # type: ignore[arg-type]

        yield watch
