"""``mailweir repair``: make rows, objects and mailbox fit together again."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from services.cli.repairing import Damage
    from services.common.events import MessageFetched
    from services.front.context import Context


@click.command()
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="Only say what does not fit; exit code 3 when something does not.")
@click.option("--offline", is_flag=True, help="Do not ask the mail servers.")
def repair(name: str | None, *, check: bool, offline: bool) -> None:
    """Mend an account, or all: rows from objects, attachments from raw messages, raw messages from the server.

    Rows that are lost come back from the object store alone (their places from the metadata of the objects, more of
    them with the next look at the server). An object that is gone is made again from its raw message, or fetched again.
    """
    from services.cli import repairing
    from services.front.context import open_context

    with open_context() as context:
        _restore(context, check=check)
        name = _account(context, name) if name else None
        damage = repairing.compare(context.engine, list(context.store.keys(f"{name}/" if name else "")), name)
        _tell(damage)
        if check:
            raise SystemExit(3 if damage.any else 0)
        code = _mend(context, damage)
        if not offline:
            code = max(code, _fetch(context, name))
    raise SystemExit(code)


def _account(context: "Context", name: str) -> str:
    """The account of that name or address; one that was removed counts as long as it has objects."""
    from services.common.errors import ConfigurationError

    found = context.accounts.find(name)
    if found is None and next(iter(context.store.keys(f"{name}/")), None) is None:
        raise ConfigurationError(f"there is no account {name!r}; `mailweir accounts list` shows them")
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


def _tell(damage: "Damage") -> None:
    click.echo(
        f"{len(damage.unstored)} raw messages without complete rows, {len(damage.raw_gone)} raw messages gone, "
        f"{len(damage.files_gone)} attachments gone"
    )


def _mend(context: "Context", damage: "Damage") -> int:
    from services.cli import repairing
    from services.cli.rebuilding import publish_all

    again = list(repairing.holders(context.engine, damage.files_gone))
    repairing.forget(context.engine, [*damage.raw_gone, *damage.files_gone])
    placeless: list[str] = []
    published = asyncio.run(publish_all(context, _events(context, damage, again, placeless)))
    click.echo(f"{published} messages sent through parser, attachments and storer again")
    if placeless:
        click.echo(f"{len(placeless)} raw messages name no place; they come back when the server is asked", err=True)
    return 3 if placeless else 0


def _events(
    context: "Context", damage: "Damage", again: list[tuple[str, str]], placeless: list[str]
) -> "Iterator[MessageFetched]":
    from services.cli.progress import bar
    from services.cli.rebuilding import from_object
    from services.common import lookup

    keys = [lookup.message_object(context.engine, account, sha256) for account, sha256 in again]
    wanted = dict.fromkeys((*damage.unstored, *(key for key in keys if key)))
    with bar("mending", len(wanted)) as advance:
        for key in wanted:
            event = from_object(context.store, key)
            if event is None:
                placeless.append(key)
            else:
                yield event
            advance()


def _fetch(context: "Context", name: str | None) -> int:
    from services.cli.repairing import unpublish_pending
    from services.cli.sync import worst
    from services.cli.sync_run import run_once
    from services.cli.sync_view import show

    unpublish_pending(context.engine, name)
    if not context.embedded:
        click.echo("the poller fetches what is missing at its next pass: mailweir status")
        return 0
    active = [account.slug for account in context.accounts.list() if account.state == "active"]
    names = [slug for slug in active if name in (None, slug)]
    results = run_once(context, names, None) if names else []
    show(results, as_json=False)
    return worst(results)
