"""``mailweir ledger``: every known place and what became of it."""

import click

from services.cli import offered


@click.command()
@click.argument("name", required=False, shell_complete=offered.accounts)
@click.option("--json", "as_json", is_flag=True, help="One JSON line per place (the default when not on a terminal).")
def ledger(name: str | None, *, as_json: bool) -> None:
    """List every message that a server ever listed: stored, pending, quarantined, vanished or missing."""
    import sys

    from services.cli.terminal import is_terminal
    from services.common.completeness import ledger as lines
    from services.front import plain
    from services.front.context import open_context

    with open_context() as context:
        only = context.accounts.get(name).slug if name else None
        for line in lines(context.engine, only):
            if as_json or not is_terminal(sys.stdout):
                click.echo(plain.json(line))
            else:
                where = f"{line.account} {plain.named(line.folder)} {line.uidvalidity}/{line.uid}"
                click.echo(f"{where}  {line.state}  {plain.line(line.reason or line.contentsha256)}")
