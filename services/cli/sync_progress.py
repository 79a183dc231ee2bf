"""How far a sync is, on stderr: bars on a terminal, else a line now and then; and why it waits, where it does."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import click

from services.cli.language import language
from services.cli.progress import now_and_then
from services.cli.terminal import has_cursor
from services.common.clock import SystemClock
from services.common.events import AccountReported, Event
from services.common.service import Publisher
from services.front.plain import named
from services.front.retold import told
from services.poller.work import Progress

_LOOKING = {"en": "looking for new mail", "zh": "正在查看新邮件"}


class Watcher(NamedTuple):
    """Whom a sync tells: of each step, and what else a person should read."""

    step: Callable[[Progress], None]
    say: Callable[[str], None]


@contextmanager
def bar(names: Sequence[str]) -> Iterator[Watcher]:
    """A watcher of the sync of these accounts: on a terminal a line for each, and for each folder that is retrieved."""
    if not has_cursor(sys.stderr):
        due = now_and_then()
        yield Watcher(lambda step: _say(_so_far(step)) if due() else None, _say)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        waiting = [bars.add_task(f"{name}: {_LOOKING[language()]}", total=None) for name in names]
        tasks: dict[tuple[str, str], int] = {}

        def watch(step: Progress) -> None:
            key = (step.account, step.folder)
            if key not in tasks:
                tasks[key] = bars.add_task(escape(f"{step.account}: {named(step.folder)}"), total=step.wanted)
            bars.update(tasks[key], total=step.wanted, completed=step.done)  # type: ignore[arg-type]

        try:
            yield Watcher(watch, lambda text: bars.console.print(Text(text)))
        finally:
            for task in waiting:
                bars.remove_task(task)


class TellingWaits:
    """A ``Publisher`` that says why an account waits before its next try, as it goes through another one."""

    def __init__(self, own: Publisher, say: Callable[[str], None]) -> None:
        self._own = own
        self._say = say

    async def publish(self, events: Sequence[Event]) -> None:
        """Publish, then say. Raises what the other publisher raises."""
        await self._own.publish(events)
        for event in events:
            if isinstance(event, AccountReported) and event.nexttry is not None:
                self._say(_wait(event))


def _wait(event: AccountReported) -> str:
    seconds = max(0.0, ((event.nexttry or SystemClock().now()) - SystemClock().now()).total_seconds())
    again = {"en": f"trying again in {seconds:.0f} s", "zh": f"{seconds:.0f} 秒后重试"}[language()]
    return f"{event.account}: {'; '.join([*told(event.detail, '', event.account, language()), again])}"


def _so_far(step: Progress) -> str:
    return f"{step.account}: {named(step.folder)}: {step.done} of {step.wanted}"


def _say(text: str) -> None:
    click.echo(text, err=True)
