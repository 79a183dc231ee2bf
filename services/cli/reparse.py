"""``mailweir reparse``: stored raw mail through the present parser."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from services.cli.options import mail_options

if TYPE_CHECKING:
    from services.common.events import MessageFetched
    from services.front.context import Context
    from services.storer.compare import Difference

_KINDS = {
    "changes": "{} messages compared, {} would change",
    "stays": "{1} differ and stay, as this parser version or a newer one wrote their rows",
    "dead": "{1} cannot be parsed: they would be dead letters, and their rows stay",
}


@click.command()
@click.option("--compare", is_flag=True, help="Show what would change, field by field, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --compare: one JSON line per changed field.")
@click.option(
    "--anew", is_flag=True, help="Replace rows of this version, too, that somebody changed or emptied by hand."
)
@mail_options
def reparse(*, compare: bool, as_json: bool, anew: bool, **sides: Any) -> None:
    """Parse stored raw messages once more; rows are replaced only by a newer parser version.

    Exit code 3 when raw messages are not in the object store, or cannot be parsed.
    """
    from services.cli.choice import choice_of
    from services.cli.mending.rebuilding import publish_all
    from services.common import lookup
    from services.common.errors import ConfigurationError
    from services.front.context import open_context

    if as_json and not compare:
        raise ConfigurationError("--json tells of a comparison: say --compare")
    if anew and compare:
        raise ConfigurationError("--compare writes nothing: leave out --compare or --anew")
    dead, absent = 0, list[int]()
    with open_context() as context:
        choice = choice_of(context, **sides)
        chosen = lookup.ids(context.engine, choice)
        if anew:
            chosen = asyncio.run(_to_replace(context, chosen, absent))
        events = (event for _, event in _stored(context, chosen, absent))
        if compare:
            dead = asyncio.run(_compare(context, events, as_json=as_json))
        else:
            published = asyncio.run(publish_all(context, events, of=choice.account))
            click.echo(f"{published} messages sent through the parser")
    if absent:
        click.echo(f"{len(absent)} messages have no raw object or no place: mailweir repair", err=True)
    if absent or dead:
        raise SystemExit(3)


def _stored(context: "Context", chosen: list[int], absent: list[int]) -> "Iterator[tuple[int, MessageFetched]]":
    """Number and event of each chosen message; the numbers of those without an object or a place are ``absent``."""
    from services.cli.mending.rebuilding import from_row
    from services.cli.progress import bar
    from services.common import lookup

    with bar("reading", len(chosen)) as advance:
        for row in lookup.exported(context.engine, chosen):
            event = from_row(context, row)
            if event is None:
                absent.append(row.id)
            else:
                yield row.id, event
            advance()


async def _to_replace(context: "Context", chosen: list[int], absent: list[int]) -> list[int]:
    """Messages that a reparse has something to do for; the others need not be read and parsed a second time.

    Rows that differ from what this parser makes of their messages, though it wrote them, are marked; says how many.
    """
    from services.cli.compared import DEAD, comparing
    from services.parser.mime.version import VERSION
    from services.storer.compare import outdate

    comparison, changed, wanted = comparing(context), 0, list[int]()
    for number, event in _stored(context, chosen, absent):
        result = await comparison(event)
        dead = any(difference.field == DEAD for difference in result.differences)
        marked = 0
        if result.differences and not dead:
            marked = outdate(context.engine, event.place.account, event.contentsha256, VERSION)
        if marked or dead or result.replaced:
            wanted.append(number)
        changed += marked
    click.echo(f"{changed} rows of this parser version differ from their messages")
    return wanted


async def _compare(context: "Context", events: "Iterator[MessageFetched]", *, as_json: bool) -> int:
    """How many messages the parser cannot use."""
    from services.cli.compared import DEAD, comparing

    found: Counter[str] = Counter()
    fields: dict[str, Counter[str]] = {kind: Counter() for kind in _KINDS}
    comparison = comparing(context)
    for event in events:
        result = await comparison(event)
        names = [difference.field for difference in result.differences]
        kind = "dead" if DEAD in names else "changes" if result.replaced else "stays"
        found.update(["compared", *([kind] if names else ())])
        fields[kind].update(names)
        for difference in result.differences:
            _say(event, difference, replaced=result.replaced, as_json=as_json)
    if not as_json:
        _sum_up(found, fields)
    return found["dead"]


def _sum_up(found: Counter[str], fields: "dict[str, Counter[str]]") -> None:
    for kind, told in _KINDS.items():
        if found[kind] or kind == "changes":
            click.echo(told.format(found["compared"], found[kind]))
            for field, count in fields[kind].most_common():
                click.echo(f"  {field}: {count}")


def _say(event: "MessageFetched", difference: "Difference", *, replaced: bool, as_json: bool) -> None:
    from services.front.plain import json, line

    if as_json:
        about = {"contentsha256": event.contentsha256, "field": difference.field}
        told = about | {"stored": difference.stored, "parsed": difference.parsed, "replaced": replaced}
        click.echo(json(told, enc_hook=str))
        return

    sides = (line(str(side))[:100] for side in (difference.stored, difference.parsed))
    click.echo(f"{event.contentsha256[:12]} {difference.field}: {' -> '.join(sides)}{'' if replaced else ' (stays)'}")
