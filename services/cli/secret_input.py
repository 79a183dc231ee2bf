"""Where the command line takes a secret from: a file, standard input or a prompt; never an argument."""

import sys
from pathlib import Path
from stat import S_IROTH

import click

from services.cli.terminal import is_terminal, standard_input
from services.common.errors import ConfigurationError
from services.common.secret import MOST, Secret, is_one_line


def source_of(secret_file: str | None, dash: str | None) -> str | None:
    """Path, ``-`` or None. Raises ConfigurationError, which does not repeat what was typed."""
    if dash not in (None, "-"):
        raise ConfigurationError("a secret is never taken from an argument; use --secret-file F, - for standard input")
    return secret_file or dash


def _is_open(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & S_IROTH)


def read_secret(source: str | None, question: str, *, confirm: bool = False) -> Secret | None:
    """The secret of a source; without one ask on a terminal (twice with ``confirm``), else None.

    Raises:
        ConfigurationError: the file cannot be read, or it does not hold one line of text.

    """
    if source is None:
        if not is_terminal(sys.stdin):
            return None
        return _one_line(click.prompt(question, hide_input=True, confirmation_prompt=confirm).encode(), "the answer")
    secret = read_file(source)
    if source != "-" and _is_open(Path(source).expanduser()):
        click.echo(f"{source} can be read by every user of this machine: chmod 600 {source}", err=True)
    return secret


def read_file(source: str) -> Secret:
    """The secret of a file, or of standard input (``-``). Raises ConfigurationError as above."""
    return _one_line(_octets(source), "standard input" if source == "-" else source)


def entered(source: str | None, question: str, *, confirm: bool = False) -> Secret:
    """The same, but it must be there. Raises ConfigurationError also without a source and a terminal."""
    found = read_secret(source, question, confirm=confirm)
    if found is None:
        raise ConfigurationError("there is no terminal to ask on; use --secret-file F, or - for standard input")
    return found


def _octets(source: str) -> bytes:
    if source == "-":
        return standard_input().read(MOST + 1)
    try:
        with Path(source).expanduser().open("rb") as file:
            return file.read(MOST + 1)
    except OSError as error:
        raise ConfigurationError(f"secret file {source} cannot be read: {error.strerror}") from error


def _one_line(octets: bytes, source: str) -> Secret:
    try:
        text = octets.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{source}: the secret must be UTF-8 text") from error
    if len(octets) > MOST or not is_one_line(text):
        raise ConfigurationError(f"{source}: the secret must be one line of text, not empty")
    return Secret(text)
