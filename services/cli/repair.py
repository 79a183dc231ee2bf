"""``mailweir repair``: make rows, objects and mailbox fit together again."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from services.cli.repairing import Damage, IsWhole
    from services.common.events import MessageFetched
    from services.common.place import Place
    from services.front.context import Context


@click.command()
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="Only say what does not fit; exit code 3 when something does not.")
@click.option("--verify", is_flag=True, help="Read every object, too, and compare its bytes with its hash.")
@click.option("--offline", is_flag=True, help="Do not ask the mail servers.")
def repair(name: str | None, *, check: bool, verify: bool, offline: bool) -> None:
    """Mend an account, or all: rows from objects, attachments from raw messages, raw messages from the server.

    Rows that are lost come back from the object store alone (their places from the metadata of the objects, more of
    them with the next look at the server). An object that is gone or cut short is made again from its raw message, or
    fetched again.
    """
    from services.cli import repairing
    from services.front.context import open_context

    with open_context() as context:
        _restore(context, check=check)
        name = _account(context, name) if name else None
        sizes = dict(context.store.sizes(f"{name}/" if name else ""))
        with _looking(context, len(sizes), verify=verify) as is_whole:
            damage = repairing.compare(context.engine, sizes, name, is_whole)
        _tell(damage)
        if check:
            raise SystemExit(3 if damage.any else 0)
        sent: list[Place] = []
        code = _mend(context, damage, sent)
        code = max(code, _offline(damage) if offline else _fetch(context, name, sent))
    raise SystemExit(code)


def _account(context: "Context", name: str) -> str:
    """The account of that name or address; one that was removed counts as long as it has objects."""
    import re

    from services.common.account_fields import SLUG
    from services.common.accounts import unknown

    found = context.accounts.find(name)
    slug = re.fullmatch(SLUG, name)
    if found is None and (slug is None or next(iter(context.store.keys(f"{name}/")), None) is None):
        raise unknown(name)
    return found.slug if found else name


def _restore(context: "Context", *, check: bool) -> None:
    """Make dropped tables anew. With ``check`` only say so, and end: the rest cannot be looked at without them."""
    from services.cli.repairing import DERIVED
    from services.common import restoring

    lost = restoring.missing(context.engine)
    if not lost:
        return
    click.echo(f"tables that are gone: {', '.join(lost)}", err=True)
    if check:
        raise SystemExit(3)
    restoring.restore(context.database_url, DERIVED if DERIVED & set(lost) else ())
    click.echo("they were made anew; rows of mail come back from the object store")


@contextmanager
def _looking(context: "Context", objects: int, *, verify: bool) -> "Iterator[IsWhole | None]":
    from services.cli.progress import bar
    from services.common.objects import has_hash

    if not verify:
        yield None
        return
    with bar("reading", objects) as advance:

        def is_whole(key: str, sha256: str) -> bool:
            advance()
            return has_hash(context.store, key, sha256)

        yield is_whole


def _tell(damage: "Damage") -> None:
    click.echo(
        f"{len(damage.unstored)} raw messages without complete rows, {len(damage.raw_gone)} raw messages gone, "
        f"{len(damage.files_gone)} attachments gone"
        + (f"; {damage.damaged} of these are there, but damaged" if damage.damaged else "")
    )


def _mend(context: "Context", damage: "Damage", sent: "list[Place]") -> int:
    """Send what can be sent, and note the places of it; the exit code."""
    from services.cli import repairing
    from services.cli.rebuilding import noting, publish_all

    again = list(repairing.holders(context.engine, damage.files_gone))
    repairing.forget(context.engine, [*damage.raw_gone, *damage.files_gone])
    useless = _Useless([], [])
    events = noting(sent, _events(context, damage, again, useless))
    published = asyncio.run(publish_all(context, events))
    click.echo(f"{published} messages sent through parser, attachments and storer again")
    for keys, why in ((useless.placeless, "name no place"), (useless.damaged, "are damaged")):
        if keys:
            click.echo(f"{len(keys)} raw messages {why}; they come back when the server is asked", err=True)
    return 3 if useless.placeless or useless.damaged else 0


@dataclass(frozen=True, slots=True)
class _Useless:
    """Keys of raw messages that cannot be sent again."""

    placeless: list[str]
    damaged: list[str]


def _events(
    context: "Context", damage: "Damage", again: list[tuple[str, str]], useless: _Useless
) -> "Iterator[MessageFetched]":
    from services.cli.progress import bar
    from services.cli.rebuilding import Damaged, from_object
    from services.common import lookup

    keys = [lookup.message_object(context.engine, account, sha256) for account, sha256 in again]
    wanted = dict.fromkeys((*damage.unstored, *(key for key in keys if key)))
    with bar("mending", len(wanted)) as advance:
        for key in wanted:
            try:
                event = from_object(context, key)
            except Damaged:
                useless.damaged.append(key)
            else:
                if event is None:
                    useless.placeless.append(key)
                else:
                    yield event
            advance()


def _offline(damage: "Damage") -> int:
    if damage.raw_gone:
        click.echo("raw messages that are gone come back when the server is asked, without --offline", err=True)
    return 3 if damage.raw_gone else 0


def _fetch(context: "Context", name: str | None, sent: "list[Place]") -> int:
    from services.cli.repairing import unpublish_pending
    from services.cli.sync import worst
    from services.cli.sync_run import run_once
    from services.cli.sync_view import show

    unpublish_pending(context.engine, name, [] if context.embedded else sent)
    if not context.embedded:
        click.echo("the poller fetches what is missing at its next pass: mailweir status")
        return 0
    active = [account.slug for account in context.accounts.list() if account.state == "active"]
    names = [slug for slug in active if name in (None, slug)]
    results = run_once(context, names, None) if names else []
    show(results, as_json=False)
    return worst(results)
