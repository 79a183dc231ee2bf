"""``mailweir search``: messages that hold every word."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from services.cli.options import mail_options

if TYPE_CHECKING:
    from services.common.lookup import Found


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="QUERY...")
@mail_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line per message.")
def search(words: tuple[str, ...], limit: int, *, as_json: bool, **sides: object) -> None:
    """Find messages by subject, names, addresses, file names and text; every word must occur, each may go on.

    Newest first. Chinese, Japanese and Korean words are found inside running text. For example:
    mailweir search 合同 report --folder INBOX --since 2026-01-01
    """
    from services.cli.choice import choice_of
    from services.common import lookup
    from services.front import plain
    from services.front.context import open_context

    with open_context() as context:
        found = lookup.search(context.engine, choice_of(context, " ".join(words), **sides), limit + 1)
    if as_json:
        for each in found[:limit]:
            click.echo(plain.json(each))
    else:
        _show(found[:limit])
    if len(found) > limit:
        click.echo(f"these are the newest {limit}; there are more: --limit N, --since DAY, --before DAY", err=True)


def _show(found: "Sequence[Found]") -> None:
    from rich.table import Table
    from rich.text import Text

    from services.cli.terminal import tables
    from services.front.plain import line, named

    if not found:
        click.echo("nothing found")
        return
    shown = Table()
    for name in ("id", "received (UTC)", "from", "subject", "folders"):
        shown.add_column(name, overflow="fold")
    for each in found:
        received = each.received_at.isoformat(" ")[:16] if each.received_at else ""
        clip = "@ " if each.has_attachment else ""
        texts = (line(each.from_name or each.from_email), line(clip + (each.subject or "")))
        folders = ", ".join(map(named, each.folders))
        shown.add_row(str(each.id), received, *map(Text, (*texts, folders)))
    tables().print(shown)
    click.echo("look at one: mailweir show ID", err=True)
