"""What docs/commands.md says of the JSON of commands, for the tests that hold it against what they print."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import click

PAGE = (Path(__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]


def properties(command: str, says: str) -> set[str]:
    """Those of the row of that command that begins so, or of a row below it."""
    names = [name or ROWS[at - 1][0] or ROWS[at - 2][0] for at, (name, *_) in enumerate(ROWS)]
    (found,) = (row[2] for row, name in zip(ROWS, names, strict=True) if command in name and row[1].startswith(says))
    return set(re.findall(r"`(\w+)`", found))


def commands() -> Iterator[str]:
    """Those that have a row for their ``--json``: the words before arguments and options."""
    for name, *_ in ROWS:
        for words in re.findall(r"`([^`]* --json)`", name):
            yield " ".join(takewhile(lambda word: word.isalpha() and word.islower(), words.split()))


def with_json(command: click.Command, *words: str) -> Iterator[str]:
    """The words of each command below this one that has ``--json``."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            yield from with_json(found, *words, name)
    elif any("--json" in option.opts for option in command.params):
        yield " ".join(words)
