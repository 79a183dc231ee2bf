"""Ctrl-C, SIGTERM and a terminal that is closed: a command ends in order, says how to go on, and dies of that signal.

Of the signal itself, so that a script or a loop of a shell that runs the command sees it and ends, too: a shell gives
128 and the number of the signal as the exit code.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_LIKE_CTRL_C = (signal.SIGTERM, signal.SIGHUP)
_STOPPED = {
    "en": "stopped; nothing is damaged and what is stored stays: run the same command again",
    "zh": "已停止；没有损坏任何内容，已保存的都保留：再次运行同一命令即可",
}
_came: list[int] = []


@contextmanager
def in_order(tell: Callable[[str], None]) -> Iterator[None]:
    """End the process by the signal that interrupts the block, after all that the block has open was closed."""
    for number in _LIKE_CTRL_C:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        _die(tell)
    except Exception:
        if not _came:
            raise
        _die(tell)  # with its terminal gone, a command fails to say anything more


def as_usual() -> None:
    """In a process that another one ends: these signals end it at once."""
    for number in _LIKE_CTRL_C:
        signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    as_usual()  # the second one is the end
    _came.append(number)
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL):  # as for a shell's jobs in the background
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _die(tell: Callable[[str], None]) -> None:
    from services.cli.language import language

    number = _came[0] if _came else signal.SIGINT
    signal.signal(number, signal.SIG_DFL)
    with suppress(OSError, ValueError):
        tell(_STOPPED[language()])
        sys.stdout.flush()
    os.kill(os.getpid(), number)
