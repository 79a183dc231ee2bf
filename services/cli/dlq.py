"""``mailweir dlq``: records that a reader could not use."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

from services.cli import offered

_SHOWN = 200  # rows of the table: nobody reads more, and a hundred thousand took it minutes


@click.group()
def dlq() -> None:
    """List, show, replay and drop dead letters: records that a service could not use, kept whole with the reason."""


@dlq.command("list", short_help="List open dead letters, oldest first.")
@click.option("--topic", shell_complete=offered.topics, help="Only this topic, such as mail.fetched.")
@click.option("--all", "every", is_flag=True, help="Replayed and dropped ones too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line per dead letter.")
def list_(topic: str | None, *, every: bool, as_json: bool) -> None:
    """List open dead letters, oldest first: 200 of them in the table, all with --json."""
    from services.front import letters
    from services.front.context import open_context

    with open_context() as context:
        if as_json:
            _print(letters.listed(context.engine, topic, every=every))
            return
        rows = list(letters.listed(context.engine, topic, every=every, most=_SHOWN))
        more = letters.count(context.engine, topic, every=every) - len(rows) if len(rows) == _SHOWN else 0
    _show(rows, more)


def _print(rows: Iterable[Any]) -> None:
    from services.front import plain

    for row in rows:
        click.echo(plain.json(dict(row._mapping)))


def _show(rows: Sequence[Any], more: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from services.cli.terminal import tables
    from services.front.plain import line

    if not rows:
        click.echo("no dead letters")
        return
    shown = Table("id", "topic", "reader", "error", "octets", "state")
    for row in rows:
        texts = (row.topic, row.service, row.error)
        shown.add_row(str(row.id), *(Text(line(each)) for each in texts), str(row.octets or 0), row.state)
    tables().print(shown)
    if more > 0:
        click.echo(f"and {more} more; --json lists every one", err=True)
    click.echo("why, and what is in it: mailweir dlq show ID", err=True)


@dlq.command(short_help="Show one: where it was, why, its headers, its value.")
@click.argument("number", type=int, metavar="ID", shell_complete=offered.letters)
@click.option("--raw", is_flag=True, help="The original value, octet for octet.")
def show(number: int, *, raw: bool) -> None:
    """Show one dead letter: where it was, why it could not be used, its headers; with --raw its value."""
    from services.cli.terminal import write_octets
    from services.front import letters
    from services.front.context import open_context
    from services.front.plain import line

    with open_context() as context:
        row = letters.one(context.engine, number)
    record = letters.record_of(row)
    if raw:
        write_octets(record.value or b"")
        return
    reader, why = line(row.service), line(f"{row.error}: {row.reason}")
    click.echo(f"{row.topic}, partition {row.partition}, offset {row.offset}, read by {reader}, {row.state}")
    click.echo(f"{why} ({row.at:%Y-%m-%d %H:%M:%S} UTC)")
    click.echo(f"key {line(record.key.decode(errors='replace'))}, {len(record.value or b'')} octets")
    for name, value in record.headers:
        click.echo(f"  {line(name)}: {line(value.decode(errors='replace'))}")


@dlq.command(short_help="Send them once more through the same readers.")
@click.argument("numbers", type=int, nargs=-1, metavar="[ID]...", shell_complete=offered.letters)
@click.option("--all", "every", is_flag=True, help="All open ones.")
@click.option("--topic", shell_complete=offered.topics, help="With --all: only this topic.")
def replay(numbers: tuple[int, ...], topic: str | None, *, every: bool) -> None:
    """Send dead letters once more through the same readers; what is stored then is no longer in quarantine.

    Exit code 3 when some are dead letters again. With --all, one that can only be dropped is told and left.
    """
    import asyncio

    from services.cli.progress import bar
    from services.front import letters
    from services.front.context import open_context

    stay: set[int] = set()

    def useless(number: int, error: Exception) -> None:
        stay.add(number)
        click.echo(f"{number} stays: {error}", err=True)

    with open_context() as context:
        chosen = _chosen(context, numbers, topic, every=every)
        with bar("replaying", len(chosen)) as advance:
            done = asyncio.run(letters.replay(context, chosen, useless if every else None, advance))
    where = "" if context.embedded else "; their readers take them now, mailweir dlq list shows what comes back"
    left = f", {len(stay)} stay" if stay else ""
    click.echo(f"{len(done.sent)} replayed, {len(done.again)} of them dead letters again{left}{where}")
    raise SystemExit(3 if done.again or stay else 0)


@dlq.command(short_help="Give them up; they no longer count as quarantined.")
@click.argument("numbers", type=int, nargs=-1, metavar="[ID]...", shell_complete=offered.letters)
@click.option("--all", "every", is_flag=True, help="All open ones.")
@click.option("--topic", shell_complete=offered.topics, help="With --all: only this topic.")
def drop(numbers: tuple[int, ...], topic: str | None, *, every: bool) -> None:
    """Give dead letters up: they are kept, but no longer count as quarantined."""
    from services.front import letters
    from services.front.context import open_context

    with open_context() as context:
        chosen = _chosen(context, numbers, topic, every=every)
        letters.settle(context.engine, chosen, "dropped")
    click.echo(f"{len(chosen)} dropped")


def _chosen(context: Any, numbers: tuple[int, ...], topic: str | None, *, every: bool) -> list[int]:
    from services.common.errors import ConfigurationError
    from services.front import letters

    if bool(numbers) == every:
        raise ConfigurationError("name dead letters by id, or say --all")
    if topic and not every:
        raise ConfigurationError("--topic chooses among all: say --all with it, or name dead letters by id alone")
    if every:
        return [row.id for row in letters.listed(context.engine, topic, every=False)]
    return [letters.one(context.engine, number).id for number in dict.fromkeys(numbers)]
