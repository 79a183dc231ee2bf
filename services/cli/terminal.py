"""Whether somebody sits there, and what they are told. A stream is None where whoever started the command closed it."""

import os
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO

import click

from services.common.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

_ONE_LINE = 1_000  # columns


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person reads or types there."""
    return stream is not None and stream.isatty()


def has_cursor(stream: TextIO | None) -> bool:
    """Whether it is a terminal on which lines can be written over."""
    return is_terminal(stream) and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def tables() -> "Console":
    """Where tables go: as wide as the terminal, or as what is told in COLUMNS; else each row is one line for a pipe."""
    from rich.console import Console

    return Console(width=None if is_terminal(sys.stdout) or os.environ.get("COLUMNS") else _ONE_LINE)


def standard_input() -> BinaryIO:
    """The octets of standard input. Raises ConfigurationError when it is closed."""
    return _octets(sys.stdin, "standard input")


def standard_output() -> BinaryIO:
    """Where octets go. Raises ConfigurationError when it is closed."""
    return _octets(sys.stdout, "standard output")


def _octets(stream: TextIO | None, name: str) -> BinaryIO:
    if stream is None:
        raise ConfigurationError(f"{name} is closed; give a file, or start the command with it open")
    return stream.buffer


def write_octets(octets: bytes) -> None:
    """To standard output: to a terminal what could move its cursor is replaced. Raises as above."""
    if not is_terminal(sys.stdout):
        standard_output().write(octets)
        return
    from services.front.plain import plain

    click.echo(plain(octets.decode("utf-8", "replace")), nl=False)


def ended(failure: str) -> str:
    """What a command says at its end of a failure after which a service tries again."""
    return failure.replace("it is tried again", "run this again")
