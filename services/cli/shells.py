"""Tab completion in bash, zsh and fish, where words have quotes, ``=``, spaces and signs that a shell takes for others.

click's own scripts leave names with spaces or commas unusable, and what follows ``--option=`` alone.
"""

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

_END = "x"  # behind the cursor: the last word ends there, be it empty, in quotes, or none yet
_BREAKS = ("", "=", ":", "@")  # bash takes them for words of their own
_BASH = """\
%(complete_func)s() {
    local type value word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                case $value in *=) compopt -o nospace ;; esac
                case $word in
                    [\\"\\']*) COMPREPLY+=("$value") ;;
                    *) COMPREPLY+=("$(printf '%%q' "$value")") ;;
                esac ;;
        esac
    done < <(%(complete_var)s=bash_complete COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_CWORD="$word" "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Joined(ShellComplete):
    """``--option=value`` is one word: what is offered for the value comes with the option."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        head, equals, _ = incomplete.partition("=")
        found = super().get_completions(args, incomplete)
        if equals and head.startswith("-"):
            return [_after(f"{head}=", item) for item in found]
        return found


def _after(head: str, item: CompletionItem) -> CompletionItem:
    return CompletionItem(head + item.value, item.type, item.help) if item.type == "plain" else item


@add_completion_class
class Bash(_Joined, BashComplete):
    """Reads the line up to the cursor, as bash divides words at other signs than a command does."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one under the cursor, and what is typed of that."""
        *args, last = split_arg_string(os.environ["COMP_WORDS"] + _END)
        self._head = _head(last.removesuffix(_END), os.environ["COMP_CWORD"])
        return args[1:], last.removesuffix(_END)

    def format_completion(self, item: CompletionItem) -> str:
        """A line for each; of its value what follows the sign at which bash divided."""
        return f"{item.type},{item.value.removeprefix(self._head)}"


def _head(typed: str, word: str) -> str:
    """What of ``typed`` bash does not replace; ``word`` is its part under the cursor."""
    if word in _BREAKS:
        return typed
    return typed.removesuffix(word) if typed.endswith(word) else ""


@add_completion_class
class Zsh(_Joined, ZshComplete):
    """Quotes by itself; a setting that wants a value is followed by no space."""

    source_template = ZshComplete.source_template.replace(
        "compadd -U -V unsorted -a completions",
        "compadd -U -V unsorted -S '' -- ${(M)completions:#*=}; compadd -U -V unsorted -- ${completions:#*=}",
    )


@add_completion_class
class Fish(_Joined, FishComplete):
    """Quotes by itself, too; a name may hold commas."""

    source_template = FishComplete.source_template.replace('split ","', 'split -m 1 ","')
