"""Each ``mailweir`` line that README and docs/ show is one that the program takes: commands, options, arguments."""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

import click
import pytest
from click.exceptions import Exit, NoArgsIsHelpError

from services.cli.main import cli

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ENDS = {"&&", "|", "<"}
NUMBERS = {"ID": "1", "PORT": "993"}


def shown() -> Iterator[tuple[str, str]]:
    """Page and command: of blocks each line, of running text what stands between backquotes."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"^(?: {4,}|)(?!.*`)(?:eval \"\$\()?(?:.*&& )?(mailweir [^\n]*)$", text, re.MULTILINE)
        spans = re.findall(r"(?<!`)`(mailweir [^`]*)`", text)
        for line in dict.fromkeys([*blocks, *spans]):
            yield page.name, line


def words_of(line: str) -> list[str]:
    """The words of the command itself: of ``[-]`` what is in the brackets, nothing that is the shell's."""
    words = shlex.split(re.sub(r'\)"\s.*| \\\|', "", line).replace("[", "").replace("]", ""), comments=True)[1:]
    return [NUMBERS.get(word, word) for word in takewhile(lambda word: word not in ENDS, words)]


def resolved(group: click.Command, name: str, words: list[str]) -> click.Context:
    """The context of the command that the words name. Raises UsageError as the program would."""
    context = group.make_context(name, list(words))
    if isinstance(group, click.Group) and (rest := [*context._protected_args, *context.args]):
        found = group.get_command(context, rest[0])
        assert found is not None, f"there is no command {rest[0]}"
        return resolved(found, rest[0], rest[1:])
    return context


@pytest.mark.parametrize(("page", "line"), list(shown()))
def test_the_program_takes_what_is_shown(page: str, line: str) -> None:
    words = words_of(line)
    if "COMMAND" in words:
        return
    with suppress(click.MissingParameter, NoArgsIsHelpError, Exit):  # text names commands without arguments; --help
        resolved(cli, "mailweir", words)


def test_a_line_that_the_program_does_not_take_is_noticed() -> None:
    for wrong in ("mailweir sync --wacth", "mailweir accounts addd x", "mailweir dlq show many"):
        with pytest.raises((click.UsageError, AssertionError)):
            resolved(cli, "mailweir", words_of(wrong))
